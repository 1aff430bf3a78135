{{/*
What other charts take and this one cannot do, and what would wait or begin empty: refused in one line each.
*/}}
{{- define "galera.refuse" -}}
{{- range list "podSecurityContext" "containerSecurityContext" }}
{{- if hasKey (get $.Values .) "enabled" }}
{{- fail (printf "%s.enabled is a switch of other charts and no field of Kubernetes: leave it out; every pod here has a security context, and %s changes its fields" . .) }}
{{- end }}
{{- end }}
{{- range list "storageClass" "defaultStorageClass" }}
{{- if hasKey $.Values.global . }}{{ fail (printf "global.%s has no effect here: set persistence.storageClass" .) }}{{ end }}
{{- end }}
{{- if and .Values.arbitrator.enabled (ne (int .Values.replicaCount) 2) }}
{{- fail "arbitrator.enabled needs replicaCount 2: with more members a vote without data can only do harm" }}
{{- end }}
{{- if contains "bitnami" .Values.image.repository }}
{{- fail (printf "image.repository %s: Bitnami's image has its own paths and its own start; take ours, or the official library/mariadb" .Values.image.repository) }}
{{- end }}
{{- if contains "/bitnami/" .Values.configuration }}
{{- fail "configuration names folders of Bitnami's image (/opt/bitnami, /bitnami), which are not here: leave out basedir, plugin_dir, datadir, tmpdir, socket, pid_file and the names of logs" }}
{{- end }}
{{- if and .Values.existingConfigMap .Values.configuration }}
{{- fail "existingConfigMap and configuration exclude each other: the options come from one of them" }}
{{- end }}
{{- if and .Values.initdbScriptsConfigMap .Values.initdbScripts }}
{{- fail "initdbScriptsConfigMap and initdbScripts exclude each other: the scripts come from one of them" }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "GALERA_BOOTSTRAP_" .name }}
{{- fail (printf "extraEnv has %s, which would not reach all containers: set settings.%s, or the value of its own that README.md names" .name (trimPrefix "GALERA_BOOTSTRAP_" .name)) }}
{{- end }}
{{- end }}
{{- if include "galera.sees" . }}
{{- include "galera.refuse-keys" . }}
{{- include "galera.refuse-claims" . }}
{{- end }}
{{- end -}}

{{/* A Secret that is there and lacks a key would leave all pods in ContainerCreating. */}}
{{- define "galera.refuse-keys" -}}
{{- with .Values.auth.existingSecret }}
{{- $name := . }}
{{- with lookup "v1" "Secret" $.Release.Namespace $name }}
{{- $data := default dict .data }}
{{- $needed := list "cluster-id" "exchange-key" "root-password" "agent-password" }}
{{- if has "sst-mariabackup" (include "galera.components" $ | fromJsonArray) }}{{ $needed = append $needed "sst-password" }}{{ end }}
{{- $missing := list }}
{{- range $needed }}
{{- $key := default . (get $.Values.auth.secretKeys .) }}
{{- if not (hasKey $data $key) }}{{ $missing = append $missing $key }}{{ end }}
{{- end }}
{{- if $missing }}
{{- fail (printf "the Secret %s lacks %s: add them, or name the keys that it has instead by auth.secretKeys" $name (join ", " $missing)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Nothing on an empty volume shows that its data are elsewhere. */}}
{{- define "galera.refuse-claims" -}}
{{- if .Values.persistence.existingClaims }}
{{- $missing := list }}
{{- range until (int .Values.replicaCount) }}
{{- $claim := include "galera.claim" (list $ .) }}
{{- if not (lookup "v1" "PersistentVolumeClaim" $.Release.Namespace $claim) }}{{ $missing = append $missing $claim }}{{ end }}
{{- end }}
{{- if $missing }}
{{- fail (printf "persistence.existingClaims: there is no %s in the namespace %s, and a member on a new claim begins empty; the names come from persistence.claimName, fullnameOverride and replicaCount" (join ", " $missing) .Release.Namespace) }}
{{- end }}
{{- end }}
{{- end -}}
