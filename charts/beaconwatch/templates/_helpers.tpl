{{/* Names and labels that several templates share. */}}

{{- define "beaconwatch.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "beaconwatch.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "beaconwatch.labels" -}}
{{ include "beaconwatch.selectorLabels" . }}
app.kubernetes.io/part-of: beaconwatch
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "beaconwatch.image" -}}
{{- if .image.digest -}}{{ .image.repository }}@{{ .image.digest }}
{{- else -}}{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}{{- end -}}
{{- end -}}

{{- define "beaconwatch.priorityClassName" -}}
{{- if .Values.priorityClass.name -}}{{ .Values.priorityClass.name }}
{{- else if .Values.priorityClass.create -}}{{ include "beaconwatch.fullname" . }}{{- end -}}
{{- end -}}

{{/* What every container of ours has, beside its capabilities. */}}
{{- define "beaconwatch.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
{{- end -}}

{{/*
The directories with destination lists: where the agent finds each, and the volume behind it. A ConfigMap or Secret that
is not there yet is an empty directory: a node must not go unwatched because of a list.
*/}}
{{- define "beaconwatch.destinationLists" -}}
{{- with .Values.destinationLists -}}
{{- range $index, $name := .configMaps }}
- path: /etc/beaconwatch/lists/configmap/{{ $name }}
  volume: {{ dict "name" (printf "lists-configmap-%d" $index) "configMap" (dict "name" $name "optional" true) | toJson }}
{{- end }}
{{- range $index, $name := .secrets }}
- path: /etc/beaconwatch/lists/secret/{{ $name }}
  volume: {{ dict "name" (printf "lists-secret-%d" $index) "secret" (dict "secretName" $name "optional" true) | toJson }}
{{- end }}
{{- range $index, $name := .claims }}
- path: /etc/beaconwatch/lists/claim/{{ $name }}
  volume: {{ dict "name" (printf "lists-claim-%d" $index) "persistentVolumeClaim" (dict "claimName" $name "readOnly" true) | toJson }}
{{- end }}
{{- with .hostPath }}
- path: /etc/beaconwatch/lists/node
  volume: {{ dict "name" "lists-node" "hostPath" (dict "path" . "type" "DirectoryOrCreate") | toJson }}
{{- end }}
{{- end -}}
{{- end -}}
