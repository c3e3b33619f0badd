{{- define "vexil.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Leaves room for what is added to it: -management, -headless. */}}
{{- define "vexil.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "vexil.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "vexil.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "vexil.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vexil.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vexil.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "vexil.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "vexil.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "vexil.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "vexil.secretName" -}}
{{- default (include "vexil.fullname" .) .Values.secrets.existingSecret }}
{{- end }}

{{- /* Entries of an environment: what the chart knows, and over it what the values say. */}}
{{- define "vexil.variables" -}}
{{- $known := dict
  "VEXIL_HOST" "0.0.0.0"
  "VEXIL_PORT" 8013
  "VEXIL_MANAGEMENT_HOST" "0.0.0.0"
  "VEXIL_MANAGEMENT_PORT" 8014
  "VEXIL_DATA_DIR" "/data"
  "VEXIL_DRAIN_DELAY_MS" .Values.drainDelayMs
  "VEXIL_SHUTDOWN_MS" .Values.shutdownMs }}
{{- if eq .Values.mode "fleet" }}
{{- $_ := set $known "VEXIL_MONGODB_URI_FILE" "/etc/vexil/secrets/mongodb-uri" }}
{{- $_ := set $known "VEXIL_MONGODB_DATABASE" .Values.mongodb.database }}
{{- $_ := set $known "VEXIL_KEY_PEPPER_FILE" "/etc/vexil/secrets/key-pepper" }}
{{- if .Values.nats.enabled }}
{{- $_ := set $known "VEXIL_NATS_URL_FILE" "/etc/vexil/secrets/nats-url" }}
{{- end }}
{{- end }}
{{- if .Values.tls.existingSecret }}
{{- $_ := set $known "VEXIL_TLS_CERT" "/etc/vexil/tls/tls.crt" }}
{{- $_ := set $known "VEXIL_TLS_KEY" "/etc/vexil/tls/tls.key" }}
{{- end }}
{{- $all := merge (dict) .Values.config $known }}
{{- range $name := keys $all | sortAlpha }}
{{- $value := get $all $name }}
- name: {{ $name }}
  {{- /* Numbers in values are floats, and 4194304 would be 4.194304e+06. */}}
  value: {{ kindIs "float64" $value | ternary (int64 $value) $value | toString | quote }}
{{- end }}
{{- end }}

{{- define "vexil.probe" -}}
httpGet:
  path: {{ .path }}
  port: management
{{ toYaml .times }}
{{- end }}

{{- /* The pod of both kinds of workload. `data` is the volume for /data, absent where the workload claims it. */}}
{{- define "vexil.pod" -}}
{{- $root := .root }}
{{- with .root }}
metadata:
  labels:
    {{- include "vexil.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := .Values.podAnnotations }}
  {{- if and (eq .Values.mode "fleet") (not .Values.secrets.existingSecret) }}
  {{- $annotations = merge (dict "checksum/secrets" (toYaml .Values.secrets | sha256sum)) $annotations }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "vexil.serviceAccountName" . }}
  automountServiceAccountToken: false
  # A service of a name like `vexil` would put variables of that prefix into every pod around it: none of ours.
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  # What a stop may take in all, and a little more.
  terminationGracePeriodSeconds: {{ add (div (add (int .Values.shutdownMs) 999) 1000) 5 }}
  containers:
    - name: vexil
      image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      ports:
        - name: grpc
          containerPort: 8013
        - name: management
          containerPort: 8014
      env:
        - name: VEXIL_REPLICA
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- include "vexil.variables" . | trim | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      startupProbe:
        {{- include "vexil.probe" (dict "path" "/livez" "times" .Values.probes.startup) | nindent 8 }}
      livenessProbe:
        {{- include "vexil.probe" (dict "path" "/livez" "times" .Values.probes.liveness) | nindent 8 }}
      readinessProbe:
        {{- include "vexil.probe" (dict "path" "/readyz" "times" .Values.probes.readiness) | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /data
        {{- if eq .Values.mode "fleet" }}
        - name: secrets
          mountPath: /etc/vexil/secrets
          readOnly: true
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: tls
          mountPath: /etc/vexil/tls
          readOnly: true
        {{- end }}
  {{- if or $.data (eq .Values.mode "fleet") .Values.tls.existingSecret }}
  volumes:
    {{- with $.data }}
    - name: data
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if eq .Values.mode "fleet" }}
    - name: secrets
      secret:
        secretName: {{ include "vexil.secretName" . }}
        # 0440, for whoever reads YAML 1.2.
        defaultMode: 288
    {{- end }}
    {{- if .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ .Values.tls.existingSecret }}
        defaultMode: 288
    {{- end }}
  {{- end }}
  {{- if .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "vexil.selectorLabels" $root | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
