{{/*
Names.  An object of manifests/ is called mysql-X or galera-X there, and FULLNAME-X here.
*/}}

{{- define "galera.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $chart := default .Chart.Name .Values.nameOverride -}}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- end -}}
{{- /* The pods of a StatefulSet have its name and a hash in a label of at most 63 characters. */ -}}
{{- /* The proxies' set has seven more than that of the members. */ -}}
{{- $most := ternary 45 52 .Values.writer.haproxy.enabled -}}
{{- if gt (len $name) $most -}}
{{- fail (printf "the name %q has %d characters, and the names of all objects begin with it: give one of at most %d by fullnameOverride; volumes that are there are found by this name alone, with another one the cluster begins empty" $name (len $name) $most) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}
{{- fail (printf "the name %q cannot be that of a Service: give one of a-z, 0-9 and -, a letter first and no - at the end, by fullnameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* (list $ number): the name of a member's claim, by the member's number from 0. */}}
{{- define "galera.claim" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s-%d" $root.Values.persistence.claimName (include "galera.fullname" $root) (add (index . 1) (int $root.Values.ordinalsStart)) -}}
{{- end -}}

{{/* (list $ kind name): the name of an object of manifests/ in this release. */}}
{{- define "galera.name" -}}
{{- $root := index . 0 -}}{{- $kind := index . 1 -}}{{- $name := index . 2 -}}
{{- $full := include "galera.fullname" $root -}}
{{- if and (eq $kind "Secret") (eq $name "galera") -}}
{{- default $full $root.Values.auth.existingSecret -}}
{{- else if and (eq $kind "Secret") (eq $name "galera-tls") -}}
{{- default (printf "%s-tls" $full) $root.Values.tls.existingSecret -}}
{{- else if and (eq $kind "ServiceAccount") (eq $name "mysql") -}}
{{- default (ternary $full "default" $root.Values.serviceAccount.create) $root.Values.serviceAccount.name -}}
{{- else if and (eq $kind "ConfigMap") (eq $name "mysql-options") -}}
{{- default (printf "%s-options" $full) $root.Values.existingConfigMap -}}
{{- else if and (eq $kind "ConfigMap") (eq $name "mysql-initdb") -}}
{{- default (printf "%s-initdb" $full) $root.Values.initdbScriptsConfigMap -}}
{{- else if and (eq $kind "Secret") (eq $name "galera-accounts") -}}
{{- default (printf "%s-accounts" $full) $root.Values.auth.accountsSecret -}}
{{- else if and (eq $kind "Secret") (eq $name "galera-repository") -}}
{{- default (printf "%s-repository" $full) $root.Values.backup.s3.existingSecret -}}
{{- else if and (eq $kind "Secret") (eq $name "galera-log") -}}
{{- default (printf "%s-log" $full) $root.Values.backup.pointInTime.existingSecret -}}
{{- else if and (eq $kind "Secret") (eq $name "galera-exporter") -}}
{{- default (printf "%s-exporter" $full) $root.Values.metrics.mysqldExporter.existingSecret -}}
{{- else if and (eq $kind "PersistentVolumeClaim") (eq $name "mysql-backups") -}}
{{- default (printf "%s-backups" $full) $root.Values.backup.persistence.existingClaim -}}
{{- else if and (eq $kind "Service") (eq $name "galera") -}}
{{- printf "%s-peers" $full -}}
{{- else if eq $kind "CronJob" -}}
{{- /* At most 52 characters: its jobs have a time behind that. */ -}}
{{- $rest := regexReplaceAll "^(mysql|galera)" $name "" -}}
{{- printf "%s%s" (trunc (int (sub 52 (len $rest))) $full | trimSuffix "-") $rest -}}
{{- else -}}
{{- regexReplaceAll "^(mysql|galera)" $name $full -}}
{{- end -}}
{{- end -}}

{{/* (list $ default image values): a container's image: registry, repository, tag and digest replace parts of it. */}}
{{- define "galera.image" -}}
{{- $root := index . 0 -}}{{- $default := index . 1 -}}{{- $values := index . 2 -}}
{{- $registry := regexFind "^[^/]+" $default -}}
{{- $repository := regexReplaceAll ":[^:/]*$" (trimPrefix (printf "%s/" $registry) $default) "" -}}
{{- $tag := regexFind "[^:/]*$" $default -}}
{{- $registry = coalesce $values.registry $root.Values.global.imageRegistry $registry -}}
{{- $repository = default $repository $values.repository -}}
{{- if $values.digest -}}
{{- printf "%s/%s@%s" $registry $repository $values.digest -}}
{{- else -}}
{{- printf "%s/%s:%s" $registry $repository (default $tag (toString (default "" $values.tag))) -}}
{{- end -}}
{{- end -}}
