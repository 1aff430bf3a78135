{{/*
What all pods have: names of other objects, images, security contexts, placement.
*/}}

{{/* (list $ controller pod-template values): changes the template of a controller's pods. */}}
{{- define "galera.pods" -}}
{{- $root := index . 0 -}}{{- $template := index . 1 -}}{{- $values := index . 2 -}}
{{- $pod := $template.spec -}}
{{- $labels := mustMergeOverwrite (deepCopy $root.Values.commonLabels) (deepCopy $values.podLabels) $template.metadata.labels -}}
{{- $_ := set $template.metadata "labels" $labels -}}
{{- $notes := mustMergeOverwrite (deepCopy $root.Values.commonAnnotations) (default dict $template.metadata.annotations) (deepCopy $values.podAnnotations) -}}
{{- if $notes -}}{{- $_ := set $template.metadata "annotations" $notes -}}{{- end -}}
{{- $_ := set $pod "serviceAccountName" (include "galera.name" (list $root "ServiceAccount" $pod.serviceAccountName)) -}}
{{- with include "galera.pull-secrets" $root | fromJsonArray -}}{{- $_ := set $pod "imagePullSecrets" . -}}{{- end -}}
{{- $context := mustMergeOverwrite $pod.securityContext (deepCopy $values.podSecurityContext) -}}
{{- if $root.Values.openshift.enabled -}}{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" -}}{{- end -}}
{{- $_ := set $pod "securityContext" $context -}}
{{- with $values.affinity -}}
{{- $_ := set $pod "affinity" (mustMergeOverwrite (deepCopy (default dict $pod.affinity)) .) -}}
{{- end -}}
{{- range $key := list "nodeSelector" "tolerations" "topologySpreadConstraints" "priorityClassName" "schedulerName" "runtimeClassName" -}}
{{- with get $values $key -}}{{- $_ := set $pod $key . -}}{{- end -}}
{{- end -}}
{{- range $pod.volumes -}}{{- include "galera.volume" (list $root .) -}}{{- end -}}
{{- range concat (default list $pod.initContainers) $pod.containers -}}
{{- include "galera.container" (list $root . $values) -}}
{{- end -}}
{{- end -}}

{{/* The Secrets of registries, given as names or as objects, as a JSON list of objects. */}}
{{- define "galera.pull-secrets" -}}
{{- $found := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.image.pullSecrets -}}
{{- $found = append $found (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* (list $ container values) */}}
{{- define "galera.container" -}}
{{- $root := index . 0 -}}{{- $container := index . 1 -}}{{- $values := index . 2 -}}
{{- $image := $root.Values.image -}}
{{- if contains "/galera-install" $container.image }}{{ $image = $root.Values.tools.image }}{{ end -}}
{{- if contains "/haproxy" $container.image }}{{ $image = $root.Values.writer.haproxy.image }}{{ end -}}
{{- if contains "/mysqld-exporter" $container.image }}{{ $image = $root.Values.metrics.mysqldExporter.image }}{{ end -}}
{{- $_ := set $container "image" (include "galera.image" (list $root $container.image $image)) -}}
{{- with $root.Values.image.pullPolicy -}}{{- $_ := set $container "imagePullPolicy" . -}}{{- end -}}
{{- $_ := set $container "securityContext" (mustMergeOverwrite (deepCopy $container.securityContext) (deepCopy $values.containerSecurityContext)) -}}
{{- range $container.envFrom -}}
{{- $_ := set .configMapRef "name" (include "galera.name" (list $root "ConfigMap" .configMapRef.name)) -}}
{{- end -}}
{{- range $container.env -}}
{{- if regexMatch "^PROXY_[0-9]+$" .name -}}{{- $_ := set . "value" (include "galera.name" (list $root "Service" .value)) -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* (list $ volume): what the volume is made of has this release's name, and a Secret of one's own its own keys. */}}
{{- define "galera.volume" -}}
{{- $root := index . 0 -}}{{- $volume := index . 1 -}}
{{- with $volume.configMap -}}{{- $_ := set . "name" (include "galera.name" (list $root "ConfigMap" .name)) -}}{{- end -}}
{{- with $volume.persistentVolumeClaim -}}{{- $_ := set . "claimName" (include "galera.name" (list $root "PersistentVolumeClaim" .claimName)) -}}{{- end -}}
{{- with $volume.secret -}}
{{- $_ := set . "secretName" (include "galera.name" (list $root "Secret" .secretName)) -}}
{{- include "galera.items" (list $root .) -}}
{{- end -}}
{{- with $volume.projected -}}
{{- range .sources -}}
{{- with .secret -}}
{{- $_ := set . "name" (include "galera.name" (list $root "Secret" .name)) -}}
{{- include "galera.items" (list $root .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "galera.items" -}}
{{- $keys := (index . 0).Values.auth.secretKeys -}}
{{- range (index . 1).items -}}{{- $_ := set . "key" (default .key (get $keys .key)) -}}{{- end -}}
{{- end -}}
