{{/* What objects are called. A release that has the chart's name in its own is not called so twice. */}}
{{- define "carrel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The account of the pods. */}}
{{- define "carrel.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "carrel.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* By what Carrel's own pods are found. As kustomize has them, so that one way in can follow the other. */}}
{{- define "carrel.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/component: controllers
{{- end -}}

{{/* The labels that all objects have. */}}
{{- define "carrel.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: carrel
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The labels of all objects but CRDs, which are no part of the controllers. */}}
{{- define "carrel.labels" -}}
{{ include "carrel.commonLabels" . }}
app.kubernetes.io/component: controllers
{{- end -}}

{{/* The image. A digest says all; beside it a tag would only be for people. */}}
{{- define "carrel.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}
