{{- define "dormouse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that the suffixes below stay within the 63 of a DNS label. */}}
{{- define "dormouse.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "dormouse.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dormouse.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "dormouse.injector" -}}{{ include "dormouse.fullname" . }}-injector{{- end -}}

{{- define "dormouse.caSecret" -}}{{ include "dormouse.injector" . }}-ca{{- end -}}

{{- define "dormouse.testNamespace" -}}{{ include "dormouse.fullname" . }}-test{{- end -}}

{{- define "dormouse.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dormouse.injector" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The certificate's Secret, in the modes in which the injector reads one. */}}
{{- define "dormouse.tlsSecret" -}}
{{- if eq .Values.certificates.mode "files" -}}
{{- .Values.certificates.files.secretName -}}
{{- else -}}
{{- include "dormouse.injector" . }}-tls
{{- end -}}
{{- end -}}

{{- define "dormouse.priorityClass" -}}
{{- if .Values.priorityClass.create -}}
{{- default (include "dormouse.injector" .) .Values.priorityClassName -}}
{{- else -}}
{{- .Values.priorityClassName -}}
{{- end -}}
{{- end -}}

{{/* What an upgrade cannot change in a Deployment: no version in it. */}}
{{- define "dormouse.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dormouse.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: injector
{{- end -}}

{{- define "dormouse.labels" -}}
{{ include "dormouse.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: dormouse
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata's labels and annotations: dict "root" $ "labels" (dict …) "annotations" (dict …), the
     latter two optional. Given ones win over the common ones. */}}
{{- define "dormouse.metadata" -}}
labels:
  {{- $labels := include "dormouse.labels" .root | fromYaml }}
  {{- toYaml (mergeOverwrite $labels (.labels | default dict)) | nindent 2 }}
{{- with mergeOverwrite (dict) (.root.Values.commonAnnotations | default dict) (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* dict "root" $ "image" .Values.image -> [registry/]repository:tag[@digest] */}}
{{- define "dormouse.image" -}}
{{- with .root.Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .image.repository }}:{{ default .root.Chart.AppVersion .image.tag -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* What the admin forbids the sidecars, as flags of dormouse-sidecar: a YAML list, or nothing. */}}
{{- define "dormouse.ceilings" -}}
{{- $flags := list -}}
{{- with .Values.sidecar.ceilings -}}
{{- range .allowPorts }}{{ $flags = append $flags (printf "--allow-port=%d" (int64 .)) }}{{ end -}}
{{- range .allowTo }}{{ $flags = append $flags (printf "--allow-to=%s" .) }}{{ end -}}
{{- with .maxPercent }}{{ $flags = append $flags (printf "--max-percent=%d" (int64 .)) }}{{ end -}}
{{- range .redactHeaders }}{{ $flags = append $flags (printf "--redact-header=%s" .) }}{{ end -}}
{{- end -}}
{{- with $flags }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* The other flags of the sidecars, which the injector passes on without looking at them. */}}
{{- define "dormouse.sidecarArgs" -}}
{{- $flags := list -}}
{{- with .Values.sidecar.ceilings -}}
{{- with .maxMirrors }}{{ $flags = append $flags (printf "--max-mirrors=%d" (int64 .)) }}{{ end -}}
{{- with .defaultTtl }}{{ $flags = append $flags (printf "--default-ttl=%s" .) }}{{ end -}}
{{- with .maxTtl }}{{ $flags = append $flags (printf "--max-ttl=%s" .) }}{{ end -}}
{{- end -}}
{{- with concat $flags (.Values.sidecar.extraArgs | default list) }}{{ toYaml . }}{{ end -}}
{{- end -}}
