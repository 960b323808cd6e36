{{/* The data of the ConfigMap: each setting as a text. Nothing where nothing is set. */}}
{{- define "carrel.settings" -}}
{{- $data := dict -}}
{{- range $name, $value := merge (dict) .Values.extraSettings .Values.settings -}}
{{- if not (kindIs "invalid" $value) -}}
{{- /* Numbers come as floats, which are printed with an exponent when they are large. */ -}}
{{- $_ := set $data $name (kindIs "float64" $value | ternary (printf "%.0f" $value) (toString $value)) -}}
{{- end -}}
{{- end -}}
{{- if $data -}}
{{- toYaml $data -}}
{{- end -}}
{{- end -}}
