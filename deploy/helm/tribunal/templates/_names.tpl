{{- define "tribunal.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tribunal.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "tribunal.labels" -}}
{{ include "tribunal.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "tribunal.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "tribunal.secret" -}}
{{- if .Values.secret.existing }}{{ .Values.secret.existing }}{{ else }}{{ include "tribunal.name" . }}{{ end }}
{{- end }}

{{- define "tribunal.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "tribunal.secret" .root }}
      key: {{ .key }}
{{- end }}

{{- /* Not privileged: what making a box takes (deploy/HOST.md), and a box keeps none of it. */}}
{{- define "tribunal.boxes" -}}
runAsUser: 0
privileged: false
# Kubernetes asks it of whoever has CAP_SYS_ADMIN.
allowPrivilegeEscalation: true
capabilities:
  drop: [ALL]
  add: [CHOWN, DAC_OVERRIDE, KILL, MKNOD, SETGID, SETUID, SYS_ADMIN, SYS_TIME]
{{- end }}
