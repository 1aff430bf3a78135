{{/*
Random values are made once.  On an upgrade they are read from the Secret that is there; where the chart cannot see it,
it refuses: a new cluster-id would start no volume, and a new password would open no database.
*/}}

{{/* Whether there is a cluster behind this run: a list is never empty of everything, an answer that was not asked is. */}}
{{- define "galera.sees" -}}
{{- if lookup "v1" "Secret" .Release.Namespace "" }}yes{{ end -}}
{{- end -}}

{{/* The values of the Secret `galera`, as JSON, in clear text. */}}
{{- define "galera.secrets" -}}
{{- $name := include "galera.fullname" . -}}
{{- $a := .Values.auth -}}
{{- $given := dict "cluster-id" $a.clusterId "exchange-key" $a.exchangeKey "root-password" $a.rootPassword "agent-password" $a.agentPassword "sst-password" $a.sstPassword -}}
{{- if $a.username }}{{ $_ := set $given "password" $a.password }}{{ end -}}
{{- $missing := list -}}
{{- range $key, $value := $given }}{{ if not $value }}{{ $missing = append $missing $key }}{{ end }}{{ end -}}
{{- $old := dict -}}
{{- if include "galera.sees" . -}}
{{- range $key, $value := (lookup "v1" "Secret" .Release.Namespace $name).data }}{{ $_ := set $old $key (b64dec $value) }}{{ end -}}
{{- $claim := include "galera.claim" (list . 0) -}}
{{- if and (not $old) (not $a.clusterId) -}}
{{- if .Release.IsUpgrade -}}
{{- fail (printf "the Secret %s of this release is gone, and a new one would open neither volumes nor database: put it back, or name it by auth.existingSecret" $name) -}}
{{- else if lookup "v1" "PersistentVolumeClaim" .Release.Namespace $claim -}}
{{- fail (printf "the claim %s is there already, but not its Secret %s: put it back or name it by auth.existingSecret; for data that ran without this chart give auth.clusterId a new value, and auth.rootPassword the password that root@localhost has in them" $claim $name) -}}
{{- end -}}
{{- end -}}
{{- if and (get $old "cluster-id") $a.clusterId (ne (get $old "cluster-id") $a.clusterId) -}}
{{- fail (printf "auth.clusterId is another one than in the Secret %s: it never changes" $name) -}}
{{- end -}}
{{- else if $missing -}}
{{- fail (printf "this run has no access to a cluster (helm template, a client's dry run, Argo CD), so the chart cannot see whether the Secret %s exists, and makes no random values that would be others next time: name a Secret by auth.existingSecret, or give auth values for %s" $name (join ", " $missing)) -}}
{{- end -}}
{{- $found := dict -}}
{{- range $key, $value := $given -}}
{{- $_ := set $found $key (coalesce $value (get $old $key) (randAlphaNum 32)) -}}
{{- end -}}
{{- range $key, $value := dict "exchange-key-previous" $a.exchangeKeyPrevious "user" $a.username "database" $a.database -}}
{{- if $value }}{{ $_ := set $found $key $value }}{{ end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* The names of a certificate for all members. */}}
{{- define "galera.dns-names" -}}
{{- $names := list -}}
{{- range list "mysql" "mysql-writer" -}}
{{- $name := include "galera.name" (list $ "Service" .) -}}
{{- $names = concat $names (list $name (printf "%s.%s" $name $.Release.Namespace) (printf "%s.%s.svc" $name $.Release.Namespace)) -}}
{{- $names = append $names (printf "%s.%s.svc.%s" $name $.Release.Namespace (default "cluster.local" $.Values.clusterDomain)) -}}
{{- end -}}
{{- $peers := include "galera.name" (list . "Service" "galera") -}}
{{- $names = concat $names (list (printf "*.%s" $peers) (printf "*.%s.%s.svc.%s" $peers .Release.Namespace (default "cluster.local" .Values.clusterDomain))) -}}
{{- toJson $names -}}
{{- end -}}
