{{/* Ray reports the health of its node, without a token. Takes path and port. */}}
{{- define "slipway.rayLiveness" -}}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
initialDelaySeconds: 30
periodSeconds: 10
timeoutSeconds: 5
failureThreshold: 12
{{- end -}}

{{- define "slipway.rayVolumes" -}}
- name: shared-memory
  emptyDir:
    medium: Memory
    sizeLimit: {{ include "slipway.memory" .Values.ray.sharedMemory }}
{{- end -}}

{{/* The port of Ray's metrics. KubeRay's default, 8080, is the gateway's HTTP port. Takes root. */}}
{{- define "slipway.rayMetricsPort" -}}
{{- $taken := list 6379 8265 8090 10001 52365 -}}
{{- range $field := list "httpPort" "grpcPort" -}}
{{- if has (int (get $.Values.gateway $field)) $taken -}}
{{- fail (printf "gateway.%s: Ray uses the ports %s; choose another port" $field (join ", " $taken)) -}}
{{- end -}}
{{- end -}}
8090
{{- end -}}

{{- define "slipway.rayStart" -}}
rayStartParams:
  metrics-export-port: {{ include "slipway.rayMetricsPort" . | quote }}
{{- end -}}

{{/* Replicas write their metrics here, so that each replica of a node reports the metrics of all. */}}
{{- define "slipway.rayMounts" -}}
- name: shared-memory
  mountPath: /dev/shm
{{- end -}}

{{/* The head's pod template. Takes root, account, token (whether it gets the account's), class and optionally priority, image,
     size (cpu, memory and optionally gpu), and selector, env, places, init, volumes, mounts and ports (YAML). */}}
{{- define "slipway.rayHead" -}}
metadata:
  {{- include "slipway.podMetadata" (dict "root" .root "selector" .selector "models" true "ray" true) | nindent 2 }}
spec:
  automountServiceAccountToken: {{ .token }}
  serviceAccountName: {{ .account | quote }}
  {{- with .places }}
  {{- . | indent 2 }}
  {{- end }}
  {{- with include "slipway.priority" (dict "root" .root "class" .class "own" .priority) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- include "slipway.pullSecrets" .root | indent 2 }}
  securityContext:
    {{- include "slipway.podSecurity" .root | nindent 4 }}
  {{- with .init }}
  {{- . | indent 2 }}
  {{- end }}
  containers:
    - name: ray-head
      image: {{ .image }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      ports:
        - name: gcs-server
          containerPort: 6379
        - name: dashboard
          containerPort: 8265
        - name: client
          containerPort: 10001
        - name: metrics
          containerPort: {{ include "slipway.rayMetricsPort" .root }}
        {{- with .ports }}
        {{- . | nindent 8 }}
        {{- end }}
      env:
        {{- .env | nindent 8 }}
      {{- with .envFrom }}
      envFrom:
        {{- . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "slipway.containerSecurity" .root | nindent 8 }}
      resources:
        {{- include "slipway.resources" .size | nindent 8 }}
      livenessProbe:
        {{- include "slipway.rayLiveness" (dict "path" "/api/gcs_healthz" "port" "dashboard") | nindent 8 }}
      readinessProbe:
        {{- include "slipway.rayLiveness" (dict "path" "/api/gcs_healthz" "port" "dashboard") | nindent 8 }}
      volumeMounts:
        {{- include "slipway.rayMounts" .root | nindent 8 }}
        {{- .mounts | nindent 8 }}
  volumes:
    {{- include "slipway.rayVolumes" .root | nindent 4 }}
    {{- .volumes | nindent 4 }}
{{- end -}}

{{/* The config of Ray Serve: serveConfigV2. Takes root and track. */}}
{{- define "slipway.serveConfig" -}}
{{- $values := .root.Values -}}{{- $track := .track -}}{{- $r := $track.replicas -}}
{{- if eq $values.gateway.door "ray" -}}
proxy_location: EveryNode
http_options:
  host: 0.0.0.0
  port: {{ $values.gateway.httpPort }}
  keep_alive_timeout_s: 75
{{- else -}}
# Replicas accept requests themselves.
proxy_location: Disabled
{{- end }}
applications:
  - name: slipway
    import_path: serving.hosting.composition:application
    route_prefix: {{ eq $values.gateway.door "ray" | ternary "/" "null" }}
    deployments:
      - name: gateway
        ray_actor_options:
          num_cpus: {{ $track.cpus }}
          # Each pod of the worker group has one `gateway`, so it runs one replica.
          resources:
            gateway: 1
        autoscaling_config:
          min_replicas: {{ int $r.min }}
          max_replicas: {{ int $r.max }}
          target_ongoing_requests: {{ $r.targetOngoingRequests }}
          upscale_delay_s: {{ $r.upscaleDelaySeconds }}
          downscale_delay_s: {{ $r.downscaleDelaySeconds }}
          look_back_period_s: 15
          metrics_interval_s: 2
          policy:
            policy_function: serving.hosting.autoscaling:LoadPolicy
            policy_kwargs:
              target_queue_seconds: {{ divf $r.targetQueueMs 1000.0 }}
      {{- range $track.replicaApps }}
      - name: {{ splitList "." . | last }}-model
        ray_actor_options:
          num_cpus: {{ $track.cpus }}
          num_gpus: {{ int $track.gpu.count }}
          resources:
            model: 1
      {{- end }}
{{- end -}}

{{/* The worker groups of a track: gateways, and pods for models of the backend replica. Takes root and track. */}}
{{- define "slipway.workerGroups" -}}
{{- $root := .root -}}{{- $track := .track -}}{{- $values := .root.Values -}}
{{- $own := len $track.replicaApps -}}
{{- $parts := list (dict "part" "gateway" "count" 1) -}}
{{- if $own -}}{{- $parts = append $parts (dict "part" "model" "count" $own) -}}{{- end -}}
{{- range $parts -}}
{{- $part := .part -}}
{{- /* GPUs are for models: in the gateway, unless they have pods of their own. */ -}}
{{- $gpu := and (gt (int $track.gpu.count) 0) (or (eq $part "model") (not $own)) -}}
{{- $scope := dict "root" $root "track" $track "part" $part "gpu" $gpu -}}
{{- $linger := add (ceil (mulf 1.1 $values.gateway.connectionSeconds)) 5 | int }}
- groupName: {{ $part }}
  replicas: {{ mul .count (int $track.replicas.min) }}
  minReplicas: {{ mul .count (int $track.replicas.min) }}
  maxReplicas: {{ mul .count (int $track.replicas.max) }}
  {{- include "slipway.rayStart" $root | nindent 2 }}
  resources:
    CPU: {{ $track.cpus | quote }}
    {{- if $gpu }}
    GPU: {{ $track.gpu.count | int | quote }}
    {{- end }}
    {{ $part }}: "1"
  template:
    metadata:
      {{- include "slipway.podMetadata" (dict "root" $root "selector" (include "slipway.trackSelector" $scope) "models" true "ray" true) | nindent 6 }}
    spec:
      automountServiceAccountToken: false
      serviceAccountName: {{ include "slipway.account" $root | quote }}
      {{- include "slipway.pullSecrets" $root | indent 6 }}
      # During this time no new connection arrives, and clients are asked to close the existing ones.
      terminationGracePeriodSeconds: {{ add $linger $values.gateway.drainSeconds 10 }}
      securityContext:
        {{- include "slipway.podSecurity" $root | nindent 8 }}
      {{- include "slipway.placement" $scope | indent 6 }}
      {{- include "slipway.repositoryInit" $root | indent 6 }}
      containers:
        - name: ray-worker
          image: {{ include "slipway.image" (dict "root" $root "image" $track.image) }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          ports:
            {{- include "slipway.gatewayPorts" $root | nindent 12 }}
            - name: metrics
              containerPort: {{ include "slipway.rayMetricsPort" $root }}
          env:
            {{- include "slipway.gatewayEnv" $scope | nindent 12 }}
          securityContext:
            {{- include "slipway.containerSecurity" $root | nindent 12 }}
          resources:
            {{- $limits := dict "cpu" $track.cpu "memory" $track.memory "gpu" (ternary $track.gpu dict $gpu) -}}
            {{- include "slipway.resources" $limits | nindent 12 }}
          livenessProbe:
            {{- include "slipway.rayLiveness" (dict "path" "/api/local_raylet_healthz" "port" 52365) | nindent 12 }}
          readinessProbe:
            {{- if eq $part "gateway" }}
            {{- include "slipway.gatewayReadiness" $root | nindent 12 }}
            {{- else }}
            {{- include "slipway.rayLiveness" (dict "path" "/api/local_raylet_healthz" "port" 52365) | nindent 12 }}
            {{- end }}
          lifecycle:
            preStop:
              exec:
                command:
                  - sleep
                  - {{ $linger | quote }}
          volumeMounts:
            {{- include "slipway.rayMounts" $root | nindent 12 }}
            - name: metrics
              mountPath: /tmp/slipway/metrics
            {{- include "slipway.gatewayMounts" $root | nindent 12 }}
      volumes:
        {{- include "slipway.rayVolumes" $root | nindent 8 }}
        - name: metrics
          emptyDir: {}
        {{- include "slipway.gatewayVolumes" $root | nindent 8 }}
{{- end -}}
{{- end -}}

{{/* The autoscaler container in the head's pod. */}}
{{- define "slipway.rayAutoscaler" -}}
version: v2
idleTimeoutSeconds: {{ int64 .Values.ray.idleTimeoutSeconds }}
upscalingMode: Default
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources:
  {{- include "slipway.resources" (dict "cpu" "500m" "memory" "1Gi") | nindent 2 }}
securityContext:
  {{- include "slipway.containerSecurity" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end -}}
