{{/*
Containers for the pods of a StatefulSet, each an item of `initContainers`.  README.md has the keys of the dictionary
that all of them take.
*/}}

{{/* Copies peer-finder into the volume of workDir, for a container in another image. */}}
{{- define "peerfinder.install" -}}
- name: install
  image: {{ include "peerfinder.image" . | quote }}
  imagePullPolicy: IfNotPresent
  args: [--work-dir=/work-dir]
  {{- include "peerfinder.limits" . | nindent 2 }}
  volumeMounts:
    - {name: {{ .workDir | default "work-dir" }}, mountPath: /work-dir}
{{- end }}

{{/* A sidecar that tells the other pods what is on this pod's volume.  It stands before `discover`. */}}
{{- define "peerfinder.witness" -}}
- name: witness
  image: {{ include "peerfinder.image" . | quote }}
  imagePullPolicy: IfNotPresent
  restartPolicy: Always
  command:
    - peer-finder
    - witness
    - serve
    - {{ printf "--mark=%s" (include "peerfinder.mark" .) | quote }}
    - {{ printf "--sign=%s" (include "peerfinder.sign" .) | quote }}
  env:
    {{- include "peerfinder.env" . | nindent 4 }}
  ports:
    - {name: witness, containerPort: {{ .port | default 4570 }}}
  {{- include "peerfinder.limits" . | nindent 2 }}
  volumeMounts:
    - {name: {{ .volume | default "data" }}, mountPath: {{ include "peerfinder.mount" . }}}
{{- end }}

{{/* Waits until it is known whether this is the first start, then runs the hook with the peers on standard input. */}}
{{- define "peerfinder.discover" -}}
- name: discover
  image: {{ .hookImage | default (include "peerfinder.image" .) | quote }}
  imagePullPolicy: IfNotPresent
  command:
    - {{ include "peerfinder.program" . }}
    - {{ printf "-service=%s" (required "peerfinder: service: the headless Service of the StatefulSet" .service) | quote }}
    - {{ printf "-on-start=%s" (required "peerfinder: onStart: the text of the hook" .onStart) | quote }}
  env:
    {{- include "peerfinder.env" . | nindent 4 }}
  {{- include "peerfinder.limits" . | nindent 2 }}
  volumeMounts:
    - {name: {{ .volume | default "data" }}, mountPath: {{ include "peerfinder.mount" . }}}
    {{- if .hookImage }}
    - {name: {{ .workDir | default "work-dir" }}, mountPath: /work-dir, readOnly: true}
    {{- end }}
    {{- with .mounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* What the programs must know of their pod; also for a container that calls peer-finder itself. */}}
{{- define "peerfinder.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
# The number of members that a first start waits for, not the number that DNS shows.
- name: REPLICAS
  value: {{ required "peerfinder: members: the number of pods that a first start waits for" (int .members | default nil) | quote }}
- name: MARK
  value: {{ include "peerfinder.mark" . | quote }}
- name: SIGN
  value: {{ include "peerfinder.sign" . | quote }}
- name: PEER_FINDER
  value: {{ include "peerfinder.program" . }}
{{- with .port }}
- name: PEERFINDER_WITNESS_PORT
  value: {{ int . | quote }}
{{- end }}
{{- with .firstOrdinal }}
- name: PEERFINDER_FIRST_ORDINAL
  value: {{ int . | quote }}
{{- end }}
{{- with .ignore }}
# Names that are no data, with blanks between them.
- name: PEERFINDER_IGNORE
  value: {{ include "peerfinder.names" . | quote }}
{{- end }}
{{- with .env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "peerfinder.names" -}}
{{- range . -}}
{{- if regexMatch "[[:space:]/]" . -}}{{- fail (printf "peerfinder: ignore: %s must be a name without blanks and slashes" .) -}}{{- end -}}
{{- end -}}
{{- join " " . -}}
{{- end }}

{{- define "peerfinder.program" -}}
{{ if .hookImage }}/work-dir/peer-finder{{ else }}peer-finder{{ end }}
{{- end }}

{{- define "peerfinder.mark" -}}
{{ include "peerfinder.mount" . }}/first-start
{{- end }}

{{/* Also looks for keys that nothing reads: a typing error would be a default. */}}
{{- define "peerfinder.image" -}}
{{- $known := list "service" "members" "sign" "onStart" "image" "hookImage" "volume" "mountPath" "workDir" "mounts" "resources" "ignore" "port" "firstOrdinal" "env" -}}
{{- range $key, $_ := . -}}
{{- if not (has $key $known) -}}{{- fail (printf "peerfinder: there is no key %s" $key) -}}{{- end -}}
{{- end -}}
{{ required "peerfinder: image: the image with peer-finder, in your registry" .image }}
{{- end }}

{{- define "peerfinder.mount" -}}
{{ .mountPath | default "/data" }}
{{- end }}

{{- define "peerfinder.sign" -}}
{{- $sign := required "peerfinder: sign: a path below mountPath that the database writes as soon as it has data" .sign }}
{{- if or (hasPrefix "/" $sign) (contains ".." $sign) -}}
{{- fail (printf "peerfinder: sign: %s must be a path below mountPath" $sign) -}}
{{- end -}}
{{- include "peerfinder.mount" . }}/{{ $sign }}
{{- end }}

{{- define "peerfinder.limits" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
resources:
  {{- if .resources }}
  {{- toYaml .resources | nindent 2 }}
  {{- else }}
  requests: {cpu: 25m, memory: 32Mi, ephemeral-storage: 64Mi}
  limits: {cpu: 500m, memory: 128Mi, ephemeral-storage: 256Mi}
  {{- end }}
{{- end }}
