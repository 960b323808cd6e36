{{/* Where the history is, in the container. */}}
{{- define "carrel.history.folder" -}}/var/lib/carrel{{- end -}}

{{/* The claim that it is kept on. */}}
{{- define "carrel.history.claim" -}}
{{- .Values.history.persistence.existingClaim | default (printf "%s-history" (include "carrel.fullname" .)) -}}
{{- end -}}

{{/* Whether one pod at a time, or the pods of one node, can have the volume. */}}
{{- define "carrel.history.alone" -}}
{{- with .Values.history.persistence -}}
{{- if and .enabled (not (has "ReadWriteMany" .accessModes)) -}}true{{- end -}}
{{- end -}}
{{- end -}}
