{{/*
The objects are those of manifests/base and manifests/components, which stand in files/.  A template reads one, changes
what values change, and writes it.  So whatever is no value here is exactly what kustomize builds; a test compares them.
*/}}

{{/* (list $ file): the text of a file, with the label of this release, by which selectors know its pods. */}}
{{- define "galera.text" -}}
{{- $root := index . 0 -}}{{- $file := printf "files/%s" (index . 1) -}}
{{- $text := $root.Files.Get $file -}}
{{- if not $text -}}{{- fail (printf "%s is missing: this chart is not complete" $file) -}}{{- end -}}
{{- $label := "app.kubernetes.io/instance" -}}
{{- replace (printf "%s: mysql\n" $label) (printf "%s: %s\n" $label (quote $root.Release.Name)) $text -}}
{{- end -}}

{{/* (list $ object kind-name): writes an object, with its name and with what all objects have. */}}
{{- define "galera.write" -}}
{{- $root := index . 0 -}}{{- $object := index . 1 -}}
{{- $meta := $object.metadata -}}
{{- $_ := set $meta "name" (include "galera.name" (list $root $object.kind $meta.name)) -}}
{{- $_ := set $meta "namespace" $root.Release.Namespace -}}
{{- $ours := dict "app.kubernetes.io/managed-by" $root.Release.Service "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- $_ := set $meta "labels" (mustMergeOverwrite (deepCopy $root.Values.commonLabels) (default dict $meta.labels) $ours) -}}
{{- $notes := mustMergeOverwrite (deepCopy $root.Values.commonAnnotations) (default dict $meta.annotations) -}}
{{- if $notes -}}{{- $_ := set $meta "annotations" $notes -}}{{- end -}}
---
{{ toYaml $object }}
{{ end -}}

{{/* (list $ object file): applies a JSON patch of manifests/components: the operations that are used there. */}}
{{- define "galera.patch" -}}
{{- $object := index . 1 -}}
{{- range fromYamlArray (include "galera.text" (list (index . 0) (index . 2))) -}}
{{- $op := . -}}
{{- if eq .op "move" -}}
{{- $list := $object -}}{{- $holder := $object -}}{{- $held := "" -}}
{{- $place := splitList "/" (trimPrefix "/" .from) -}}
{{- range initial $place -}}
{{- $holder = $list -}}{{- $held = . -}}
{{- if kindIs "slice" $list -}}{{- $list = index $list (int .) -}}{{- else -}}{{- $list = get $list . -}}{{- end -}}
{{- end -}}
{{- $number := int (last $place) -}}
{{- $op = dict "op" "add" "path" .path "value" (index $list $number) -}}
{{- $_ := set $holder $held (concat (slice $list 0 $number) (slice $list (add1 $number))) -}}
{{- end -}}
{{- with $op -}}
{{- $keys := splitList "/" (trimPrefix "/" .path) -}}
{{- $key := last $keys -}}
{{- $above := $object -}}{{- $at := $object -}}{{- $name := "" -}}
{{- range initial $keys -}}
{{- $above = $at -}}{{- $name = . -}}
{{- if kindIs "slice" $at -}}{{- $at = index $at (int .) -}}{{- else -}}{{- $at = get $at . -}}{{- end -}}
{{- end -}}
{{- if eq .op "test" -}}
{{- if ne (get $at $key) .value -}}{{- fail (printf "%s is not %s" .path .value) -}}{{- end -}}
{{- else if eq .op "remove" -}}
{{- $_ := unset $at $key -}}
{{- else if kindIs "map" $at -}}
{{- $_ := set $at $key (ternary .value (deepCopy (default dict .value)) (not (kindIs "map" .value))) -}}
{{- else if eq $key "-" -}}
{{- $_ := set $above $name (append $at (deepCopy .value)) -}}
{{- else -}}
{{- $_ := set $above $name (concat (slice $at 0 (int $key)) (list .value) (slice $at (int $key))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The components of manifests/ that the values ask for, as a JSON list: patches are applied in this order. */}}
{{- define "galera.components" -}}
{{- $found := list -}}
{{- $v := .Values -}}
{{- if or $v.tls.enabled (eq $v.sst.method "mariabackup") }}{{ $found = append $found "sst-mariabackup" }}{{ end -}}
{{- if $v.tls.enabled }}{{ $found = append $found "tls" }}{{ end -}}
{{- if $v.dualStack.enabled }}{{ $found = append $found "dual-stack" }}{{ end -}}
{{- if $v.metrics.enabled }}{{ $found = append $found "metrics/plain" }}{{ end -}}
{{- if $v.metrics.mysqldExporter.enabled }}{{ $found = append $found "metrics/mysqld-exporter" }}{{ end -}}
{{- if eq $v.podAntiAffinityPreset "hard" }}{{ $found = append $found "anti-affinity-hard" }}{{ end -}}
{{- if not $v.persistence.enabled }}{{ $found = append $found "storage-emptydir" }}{{ end -}}
{{- if and $v.restore.enabled $v.restore.s3.enabled }}{{ fail "restore.enabled and restore.s3.enabled: a cluster is restored from one place" }}{{ end -}}
{{- if $v.restore.enabled }}{{ $found = append $found "restore" }}{{ end -}}
{{- if $v.restore.s3.enabled }}{{ $found = append $found "restore-s3" }}{{ end -}}
{{- if $v.takeOver.enabled }}{{ $found = append $found "take-over" }}{{ end -}}
{{- if $v.backup.enabled }}{{ $found = append $found "backup" }}{{ end -}}
{{- if $v.backup.s3.enabled }}
{{- if not $v.backup.enabled }}{{ fail "backup.s3.enabled needs backup.enabled: a copy is made first, and then sent" }}{{ end -}}
{{ $found = append $found "backup-s3" }}{{ end -}}
{{- if $v.backup.pointInTime.enabled }}
{{- if not $v.backup.s3.enabled }}{{ fail "backup.pointInTime.enabled needs backup.s3.enabled: the log is of no use without the backups in the same repository" }}{{ end -}}
{{ $found = append $found "backup-log" }}{{ end -}}
{{- if $v.arbitrator.enabled }}{{ $found = append $found "arbitrator" }}{{ end -}}
{{- if $v.writer.haproxy.enabled }}{{ $found = append $found "writer-haproxy" }}{{ end -}}
{{- toJson $found -}}
{{- end -}}

{{/* (list $ service values): what a user may change of a Service for clients. */}}
{{- define "galera.service" -}}
{{- $object := index . 1 -}}{{- $values := index . 2 -}}
{{- $meta := $object.metadata -}}
{{- $_ := set $meta "labels" (mustMergeOverwrite (deepCopy $values.labels) $meta.labels) -}}
{{- if $values.annotations -}}{{- $_ := set $meta "annotations" (deepCopy $values.annotations) -}}{{- end -}}
{{- if ne $values.type "ClusterIP" -}}{{- $_ := set $object.spec "type" $values.type -}}{{- end -}}
{{- range $key := list "clusterIP" "loadBalancerIP" "loadBalancerClass" "loadBalancerSourceRanges" "externalTrafficPolicy" "sessionAffinity" -}}
{{- with get $values $key -}}{{- $_ := set $object.spec $key . -}}{{- end -}}
{{- end -}}
{{- $port := first $object.spec.ports -}}
{{- if ne (int $values.port) 3306 -}}{{- $_ := set $port "port" (int $values.port) -}}{{- $_ := set $port "targetPort" 3306 -}}{{- end -}}
{{- with $values.nodePort -}}{{- $_ := set $port "nodePort" (int .) -}}{{- end -}}
{{- end -}}

{{/* (list $ policy file): DNS on OpenShift, and the clients that a policy lets in. */}}
{{- define "galera.policy" -}}
{{- $root := index . 0 -}}{{- $object := index . 1 -}}
{{- if $root.Values.openshift.enabled -}}
{{- $dns := list (dict "protocol" "UDP" "port" 5353) (dict "protocol" "TCP" "port" 5353) -}}
{{- $_ := set $object.spec "egress" (append $object.spec.egress (dict "ports" $dns)) -}}
{{- end -}}
{{- range $object.spec.ingress -}}
{{- if and .from (dig "podSelector" "matchExpressions" "" (first .from)) -}}
{{- if $root.Values.networkPolicy.allowExternal -}}
{{- $_ := unset . "from" -}}
{{- else -}}
{{- $_ := set . "from" (concat .from $root.Values.networkPolicy.clients) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The server's options. */}}
{{- define "galera.options" -}}
{{- default (.Files.Get "files/base/server.cnf") .Values.configuration -}}
{{- end -}}

{{/* (list $ folder): the ConfigMap that kustomize generates from files of a component, as YAML. */}}
{{- define "galera.config-map" -}}
{{- $root := index . 0 -}}{{- $folder := index . 1 -}}
{{- $generated := index (include "galera.text" (list $root (printf "%s/kustomization.yaml" $folder)) | fromYaml).configMapGenerator 0 -}}
{{- $data := dict -}}
{{- range $generated.files }}{{ $_ := set $data . ($root.Files.Get (printf "files/%s/%s" $folder .)) }}{{ end -}}
{{- toYaml (dict "apiVersion" "v1" "kind" "ConfigMap" "metadata" (dict "name" $generated.name "labels" $generated.options.labels) "data" $data) -}}
{{- end -}}
