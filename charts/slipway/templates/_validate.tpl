{{/* Refuses values that the schema accepts and an API server or an operator does not. */}}
{{- define "slipway.validate" -}}
{{- $root := . -}}{{- $values := .Values -}}
{{- include "slipway.checkNames" . -}}
{{- include "slipway.checkPods" . -}}
{{- include "slipway.checkRepository" . -}}
{{- $schedules := dict -}}
{{- if $values.repositorySync.schedule }}{{ $_ := set $schedules "repositorySync.schedule" $values.repositorySync.schedule }}{{ end -}}
{{- range $name, $job := $values.training.jobs -}}
  {{- with $job.schedule }}{{ $_ := set $schedules (printf "training.jobs.%s.schedule" $name) . }}{{ end -}}
{{- end -}}
{{- range $path, $value := $schedules }}{{ include "slipway.checkSchedule" (dict "path" $path "value" $value) }}{{ end -}}
{{- include "slipway.checkNetwork" . -}}
{{- $hosts := dict "routes.host" $values.routes.host "routes.grpcHost" $values.routes.grpcHost "ingress.host" $values.ingress.host -}}
{{- with $values.ingress.grpcHost }}{{ $_ := set $hosts "ingress.grpcHost" . }}{{ end -}}
{{- range $path, $value := $hosts }}{{ include "slipway.checkHost" (dict "path" $path "value" $value) }}{{ end -}}
{{- $routes := $values.routes -}}
{{- if and $routes.enabled (hasPrefix "*." $routes.host) (hasSuffix (trimPrefix "*" $routes.host) (printf "x.%s" $routes.grpcHost)) -}}
  {{- fail (printf "routes.host: %s contains the hosts below routes.grpcHost, and a listener gives a host to either HTTPRoutes or GRPCRoutes; choose another" $routes.host) -}}
{{- end -}}
{{- $shown := dict -}}
{{- if $values.routes.enabled }}{{ $_ := set $shown "routes" $values.routes }}{{ end -}}
{{- if and $values.ingress.enabled $values.ingress.grpcHost }}{{ $_ := set $shown "ingress" $values.ingress }}{{ end -}}
{{- range $path, $door := $shown -}}
  {{- range $group, $_ := fromYaml (include "slipway.groups" $root) -}}
    {{- if eq $door.host (printf "%s.%s" $group $door.grpcHost) -}}
      {{- fail (printf "%s.host: %s is the host of the gRPC calls of the group %s; choose another" $path $door.host $group) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if $values.groupDefaults.apps -}}
  {{- fail "groupDefaults.apps: an app is in one group; name it in groups.NAME.apps" -}}
{{- end -}}
{{- if and $values.mlflow.enabled $values.mlflow.url -}}
  {{- fail "mlflow.url is that of a server elsewhere; set either mlflow.enabled or mlflow.url" -}}
{{- end -}}
{{- include "slipway.checkDoors" . -}}
{{- $steps := $values.ray.incremental -}}
{{- if gt (int $steps.stepSizePercent) (int $steps.maxSurgePercent) -}}
  {{- fail (printf "ray.incremental.stepSizePercent: %v must not exceed maxSurgePercent (%v)" $steps.stepSizePercent $steps.maxSurgePercent) -}}
{{- end -}}
{{- if and (eq $values.ray.auth "token") (semverCompare "<2.52.0" $values.ray.version) -}}
  {{- fail (printf "ray.auth: token requires ray.version 2.52.0 or later, not %s; set ray.auth to disabled" $values.ray.version) -}}
{{- end -}}
{{- end -}}

{{/* Gateways that do not ask who calls are open to the pods of the namespace alone, unless the values say otherwise. */}}
{{- define "slipway.checkDoors" -}}
{{- $values := .Values -}}{{- $auth := $values.auth -}}
{{- if and $auth.operations.name (not $auth.keys.name) -}}
  {{- fail "auth.operations.name: the key is one of those in auth.keys.name; set that too" -}}
{{- end -}}
{{- if and $auth.keys.name $values.metrics.serviceMonitor (not $auth.operations.name) -}}
  {{- fail "auth.operations.name: with auth.keys.name, gateways tell their metrics to keys alone; name a Secret with one for Prometheus" -}}
{{- end -}}
{{- $ways := list -}}
{{- if $values.routes.enabled }}{{ $ways = append $ways "routes.enabled" }}{{ end -}}
{{- if $values.ingress.enabled }}{{ $ways = append $ways "ingress.enabled" }}{{ end -}}
{{- if ne $values.service.type "ClusterIP" }}{{ $ways = append $ways (printf "service.type %s" $values.service.type) }}{{ end -}}
{{- if not $values.networkPolicies.enabled }}{{ $ways = append $ways "networkPolicies.enabled false" }}{{ end -}}
{{- if $values.networkPolicies.clients }}{{ $ways = append $ways "networkPolicies.clients" }}{{ end -}}
{{- if and $ways (not $auth.open) -}}
  {{- range $name, $group := fromYaml (include "slipway.groups" .) -}}
    {{- if not (include "slipway.asksCallers" (dict "root" $ "settings" $group.settings)) -}}
      {{- fail (printf "auth: %s opens the group %s to others than the pods of the namespace, and it does not ask who calls: they could ask every model, change records and read metrics. Set auth.keys.name to a Secret with API keys (slipway keys create), or auth.open to true if that is what you want" (join ", " $ways) $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Names of objects elsewhere, and of this release's that must not meet. */}}
{{- define "slipway.checkNames" -}}
{{- $values := .Values -}}
{{- $names := dict "modelRepository.storageClassName" $values.modelRepository.storageClassName
      "modelRepository.existingClaim" $values.modelRepository.existingClaim "serviceAccount.name" $values.serviceAccount.name
      "auth.keys.name" $values.auth.keys.name "auth.operations.name" $values.auth.operations.name
      "signatures.trustedKeys.name" $values.signatures.trustedKeys.name "signatures.signingKey.name" $values.signatures.signingKey.name
      "secrets.storage" $values.secrets.storage "ingress.className" $values.ingress.className
      "routes.gateway.name" $values.routes.gateway.name "ray.incremental.gatewayClassName" $values.ray.incremental.gatewayClassName
      "priority.serving" $values.priority.serving "priority.batch" $values.priority.batch
      "training.priorityClassName" $values.training.priorityClassName "mlflow.priorityClassName" $values.mlflow.priorityClassName -}}
{{- range $name, $secret := omit $values.secrets "storage" }}{{ $_ := set $names (printf "secrets.%s.name" $name) $secret.name }}{{ end -}}
{{- range $values.image.pullSecrets }}{{ $_ := set $names (printf "image.pullSecrets (%s)" .) . }}{{ end -}}
{{- range $values.imagePullSecrets }}{{ $_ := set $names (printf "imagePullSecrets (%s)" .name) .name }}{{ end -}}
{{- range $name, $job := $values.training.jobs }}{{ $_ := set $names (printf "training.jobs.%s.priorityClassName" $name) ($job.priorityClassName | default "") }}{{ end -}}
{{- range $values.rbac.trainers -}}
  {{- if eq .kind "ServiceAccount" }}{{ $_ := set $names (printf "rbac.trainers (%s)" .name) .name }}{{ end -}}
{{- end -}}
{{- range $path, $name := $names -}}
  {{- if and $name (or (gt (len $name) 253) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" $name))) -}}
    {{- fail (printf "%s: %q must be the name of an object: lower-case letters, digits, \"-\" and \".\", beginning and ending with a letter or digit" $path $name) -}}
  {{- end -}}
{{- end -}}
{{- $namespaces := dict "routes.proxyNamespace" $values.routes.proxyNamespace "routes.gateway.namespace" $values.routes.gateway.namespace
      "ingress.controllerNamespace" $values.ingress.controllerNamespace
      "networkPolicies.kuberayNamespace" $values.networkPolicies.kuberayNamespace
      "networkPolicies.monitoringNamespace" $values.networkPolicies.monitoringNamespace -}}
{{- range $path, $name := $namespaces -}}
  {{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $name) -}}
    {{- fail (printf "%s: %q must be the name of a namespace: lower-case letters, digits and \"-\"" $path $name) -}}
  {{- end -}}
{{- end -}}
{{- $classes := list -}}
{{- range $path, $name := $names }}{{ if and $name (hasPrefix "priority" (splitList "." $path | last | lower)) }}{{ $classes = append $classes $path }}{{ end }}{{ end -}}
{{- range list "priority.serving" "priority.batch" }}{{ if get $names . }}{{ $classes = append $classes . }}{{ end }}{{ end -}}
{{- if and $classes $values.priority.check -}}
  {{- $known := list -}}
  {{- range (lookup "scheduling.k8s.io/v1" "PriorityClass" "" "").items }}{{ $known = append $known .metadata.name }}{{ end -}}
  {{- range uniq $classes }}{{ include "slipway.checkClass" (dict "path" . "name" (get $names .) "known" $known) }}{{ end -}}
{{- end -}}
{{- $taken := dict -}}
{{- $tracks := (fromYaml (include "slipway.tracks" .)).tracks -}}
{{- if $values.mlflow.enabled }}{{ $_ := set $taken (printf "%s-mlflow" (include "slipway.fullname" .)) "mlflow.enabled" }}{{ end -}}
{{- if $values.triton.enabled -}}
  {{- /* KServe makes a Deployment, a Service and an HPA of the second name. */ -}}
  {{- range $end := list "triton" "triton-predictor" }}{{ $_ := set $taken (printf "%s-%s" (include "slipway.fullname" $) $end) "triton.enabled" }}{{ end -}}
{{- end -}}
{{- range $track := $tracks -}}
  {{- /* KubeRay makes Services of these names. */ -}}
  {{- if eq $track.runtime "ray" -}}
    {{- range list "head-svc" "serve-svc" }}{{ $_ := set $taken (printf "%s-%s" $track.name .) (printf "groups.%s" $track.group) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- range $tracks -}}
  {{- $path := printf "groups.%s%s" .group (eq .track "canary" | ternary ".canary" "") -}}
  {{- if hasKey $taken .name -}}
    {{- fail (printf "%s: its objects would have the name %s, as those of %s have; rename the group" $path .name (get $taken .name)) -}}
  {{- end -}}
  {{- $_ := set $taken .name $path -}}
  {{- /* The group "b-c" of the release "a" and the group "c" of the release "a-b". */ -}}
  {{- $there := (lookup "v1" "Service" $.Release.Namespace .name).metadata | default dict -}}
  {{- $owner := dig "labels" "slipway.dev/release" $.Release.Name $there -}}
  {{- if ne $owner $.Release.Name -}}
    {{- fail (printf "%s: its objects would have the name %s, as those of the release %s have; rename the group, or set fullnameOverride" $path .name $owner) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes path, name and known: the classes of the cluster, none if it was not asked. */}}
{{- define "slipway.checkClass" -}}
{{- if and .known (not (has .name .known)) -}}
{{- fail (printf "%s: the cluster has no PriorityClass %q, so it would refuse the pods; it has: %s" .path .name (join ", " .known)) -}}
{{- end -}}
{{- end -}}

{{/* What values add to pods. */}}
{{- define "slipway.checkPods" -}}
{{- $values := .Values -}}
{{- $labels := dict "commonLabels" $values.commonLabels "podLabels" $values.podLabels "training.labels" $values.training.labels
      "mlflow.labels" $values.mlflow.labels -}}
{{- $tolerations := dict "gateway.tolerations" $values.gateway.tolerations "triton.tolerations" $values.triton.tolerations
      "training.tolerations" $values.training.tolerations "mlflow.tolerations" $values.mlflow.tolerations
      "groupDefaults.gpu.tolerations" $values.groupDefaults.gpu.tolerations -}}
{{- range $name, $group := $values.groups }}{{ $_ := set $tolerations (printf "groups.%s.gpu.tolerations" $name) (dig "gpu" "tolerations" (list) $group) }}{{ end -}}
{{- range $name, $job := $values.training.jobs -}}
  {{- $_ := set $labels (printf "training.jobs.%s.labels" $name) ($job.labels | default dict) -}}
  {{- $_ := set $tolerations (printf "training.jobs.%s.tolerations" $name) ($job.tolerations | default list) -}}
{{- end -}}
{{- range $path, $given := $labels -}}
  {{- range $key, $_ := $given -}}
    {{- if regexMatch "^(slipway[.]dev/.*|ray[.]io/.*|app[.]kubernetes[.]io/(name|instance|version|managed-by))$" $key -}}
      {{- fail (printf "%s: the label %s is set by the chart or by KubeRay; choose another" $path $key) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $path, $given := $tolerations }}{{ include "slipway.checkTolerations" (dict "path" $path "given" $given) }}{{ end -}}
{{- $own := list "HOME" "PYTHONPATH" "DO_NOT_TRACK" "PROMETHEUS_MULTIPROC_DIR" "SLIPWAY_APPS" "SLIPWAY_BACKEND" "SLIPWAY_COLLECTIONS_URL"
      "SLIPWAY_CONNECTION_SECONDS" "SLIPWAY_DATABASE_URL" "SLIPWAY_DOOR" "SLIPWAY_DRAIN_SECONDS" "SLIPWAY_GRPC_PORT" "SLIPWAY_HOME"
      "SLIPWAY_HOST" "SLIPWAY_HTTP_PORT" "SLIPWAY_KEY_FOLDER" "SLIPWAY_MODEL_REPOSITORY" "SLIPWAY_NOTICE_SECONDS"
      "SLIPWAY_ONNX_PROVIDERS" "SLIPWAY_OPEN" "SLIPWAY_SIGNING_KEY" "SLIPWAY_TRUSTED_KEYS"
      "SLIPWAY_API_KEY" "SLIPWAY_RAY_ADDRESS" "SLIPWAY_TRITON_URL" "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO" "RAY_DEDUP_LOGS" "RAY_SERVE_ENABLE_HA_PROXY"
      "RAY_USAGE_STATS_ENABLED" "MLFLOW_TRACKING_URI" "MLFLOW_BACKEND_STORE_URI" "MLFLOW_SERVER_ALLOWED_HOSTS"
      "MLFLOW_DISABLE_TELEMETRY" "MLFLOW_SERVER_ENABLE_JOB_EXECUTION" -}}
{{- $variables := dict -}}
{{- range $values.extraEnv -}}
  {{- if has .name $own }}{{ fail (printf "extraEnv: %s is set by the chart; use the value that sets it, or groupDefaults.settings" .name) }}{{ end -}}
  {{- if hasKey $variables .name }}{{ fail (printf "extraEnv: %s is given twice" .name) }}{{ end -}}
  {{- if eq (hasKey . "value") (hasKey . "valueFrom") }}{{ fail (printf "extraEnv: %s must have either value or valueFrom" .name) }}{{ end -}}
  {{- $_ := set $variables .name "" -}}
{{- end -}}
{{- $volumes := dict -}}
{{- range $values.extraVolumes -}}
  {{- if or (hasKey $volumes .name) (has .name (list "tmp" "models" "keys" "metrics" "shared-memory" "account")) }}{{ fail (printf "extraVolumes: the name %s is taken; choose another" .name) }}{{ end -}}
  {{- if ne (len .) 2 }}{{ fail (printf "extraVolumes: %s must have one source, such as `secret`, beside its name" .name) }}{{ end -}}
  {{- $_ := set $volumes .name "" -}}
{{- end -}}
{{- $paths := list "/tmp" "/models" "/etc/slipway/keys" "/dev/shm" "/tmp/slipway/metrics" "/mnt/models" "/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- range $values.extraVolumeMounts -}}
  {{- if not (hasKey $volumes .name) }}{{ fail (printf "extraVolumeMounts: extraVolumes has no volume %s" .name) }}{{ end -}}
  {{- if has (trimSuffix "/" .mountPath) $paths }}{{ fail (printf "extraVolumeMounts: %s is mounted already; choose another path" .mountPath) }}{{ end -}}
  {{- $paths = append $paths (trimSuffix "/" .mountPath) -}}
{{- end -}}
{{- end -}}

{{/* Takes path and given. */}}
{{- define "slipway.checkTolerations" -}}
{{- range $i, $taint := .given -}}
  {{- $at := printf "%s[%d]" $.path $i -}}
  {{- $exists := eq ($taint.operator | default "Equal") "Exists" -}}
  {{- if and $exists $taint.value }}{{ fail (printf "%s: the operator Exists takes no value" $at) }}{{ end -}}
  {{- if not (or $exists $taint.key) }}{{ fail (printf "%s: without a key, the operator must be Exists" $at) }}{{ end -}}
  {{- if and (hasKey $taint "tolerationSeconds") (ne ($taint.effect | default "") "NoExecute") }}{{ fail (printf "%s: tolerationSeconds requires the effect NoExecute" $at) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* One source of the model repository, and what needs the claim. */}}
{{- define "slipway.checkRepository" -}}
{{- $repository := .Values.modelRepository -}}
{{- if and (has "ReadWriteOncePod" $repository.accessModes) (not $repository.existingClaim) -}}
  {{- fail "modelRepository.accessModes: with ReadWriteOncePod, a single pod of the cluster may mount the claim, and jobs fill what gateways read; use ReadWriteOnce" -}}
{{- end -}}
{{- if and (eq (join "" $repository.accessModes) "ReadOnlyMany") (not $repository.existingClaim) -}}
  {{- fail "modelRepository.accessModes: with ReadOnlyMany alone, nothing could fill the claim; add ReadWriteOnce or ReadWriteMany, or name an existing claim" -}}
{{- end -}}
{{- if $repository.images -}}
  {{- if .Values.repositorySync.enabled }}{{ fail "repositorySync.enabled needs the claim; modelRepository.images replaces it, so use one of them" }}{{ end -}}
  {{- if .Values.triton.enabled }}{{ fail "triton.enabled needs the claim; modelRepository.images replaces it, so use one of them" }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* A cron line as the API server reads it. Takes path and value. */}}
{{- define "slipway.checkSchedule" -}}
{{- $bad := "" -}}
{{- $fields := regexSplit "\\s+" (trim .value) -1 -}}
{{- if hasPrefix "@" .value -}}
  {{- if not (regexMatch "^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every ([0-9]+(h|m|s))+)$" .value) -}}
    {{- $bad = "is none of @yearly, @monthly, @weekly, @daily, @hourly and @every with a duration such as 90m" -}}
  {{- end -}}
{{- else if contains "TZ=" .value -}}
  {{- $bad = "must not name a time zone" -}}
{{- else if ne (len $fields) 5 -}}
  {{- $bad = printf "has %d fields; a schedule has 5: minute, hour, day of the month, month, day of the week" (len $fields) -}}
{{- else -}}
  {{- $kinds := list (list "minute" 0 59) (list "hour" 0 23) (list "day of the month" 1 31) (list "month" 1 12) (list "day of the week" 0 6) -}}
  {{- range $i, $field := $fields -}}
    {{- $kind := index $kinds $i -}}
    {{- $text := upper $field -}}
    {{- if eq $i 3 }}{{ range $n, $name := list "JAN" "FEB" "MAR" "APR" "MAY" "JUN" "JUL" "AUG" "SEP" "OCT" "NOV" "DEC" }}{{ $text = replace $name (toString (add1 $n)) $text }}{{ end }}{{ end -}}
    {{- if eq $i 4 }}{{ range $n, $name := list "SUN" "MON" "TUE" "WED" "THU" "FRI" "SAT" }}{{ $text = replace $name (toString $n) $text }}{{ end }}{{ end -}}
    {{- range splitList "," $text -}}
      {{- $parts := splitList "/" . -}}
      {{- if not (regexMatch "^([*?]|[0-9]{1,4}(-[0-9]{1,4})?)(/[1-9][0-9]{0,3})?$" .) -}}
        {{- $bad = printf "has the field %q for the %s, which cannot be read" $field (first $kind) -}}
      {{- else if not (has (first $parts) (list "*" "?")) -}}
        {{- $ends := splitList "-" (first $parts) -}}
        {{- $low := first $ends | atoi -}}{{- $high := last $ends | atoi -}}
        {{- if or (lt $low (index $kind 1)) (gt $high (index $kind 2)) (gt $low $high) -}}
          {{- $bad = printf "has the field %q for the %s, which is from %d to %d" $field (first $kind) (index $kind 1) (index $kind 2) -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if $bad }}{{ fail (printf "%s: %q %s" .path .value $bad) }}{{ end -}}
{{- end -}}

{{/* Takes path and value. */}}
{{- define "slipway.checkHost" -}}
{{- if or (regexMatch "[:/]" .value) (regexMatch "^[0-9.]+$" .value) -}}
{{- fail (printf "%s: %q must be a host name, without a scheme, a port or a path, and no address" .path .value) -}}
{{- end -}}
{{- $wild := hasSuffix ".host" .path | ternary "([*][.])?" "" -}}
{{- if or (gt (len .value) 230) (not (regexMatch (printf "^%s[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$" $wild) .value)) -}}
{{- fail (printf "%s: %q must be a host name: lower-case letters, digits and \"-\", with dots between its parts" .path .value) -}}
{{- end -}}
{{- end -}}

{{/* Peers, names and ports of network policies. */}}
{{- define "slipway.checkNetwork" -}}
{{- $np := .Values.networkPolicies -}}
{{- $peers := dict "networkPolicies.clients" $np.clients "networkPolicies.mlflowClients" $np.mlflowClients -}}
{{- range $kind, $given := $np.egress }}{{ $_ := set $peers (printf "networkPolicies.egress.%s" $kind) $given }}{{ end -}}
{{- range $path, $given := $peers }}{{ include "slipway.checkPeers" (dict "path" $path "peers" $given) }}{{ end -}}
{{- range $kind, $hosts := omit $np.fqdns "provider" -}}
  {{- if $hosts -}}
    {{- if not $np.fqdns.provider }}{{ fail (printf "networkPolicies.fqdns.%s needs networkPolicies.fqdns.provider: cilium; no other network limits traffic to names of hosts" $kind) }}{{ end -}}
    {{- if not $np.dnsPorts }}{{ fail (printf "networkPolicies.dnsPorts: networkPolicies.fqdns.%s needs at least one" $kind) }}{{ end -}}
    {{- if not (get (fromYaml (include "slipway.outsidePorts" $)) $kind) -}}
      {{- fail (printf "networkPolicies.fqdns.%s: this release has no traffic of this kind, as no port is known; see networkPolicies" $kind) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $ports := dict "mlflow.url" (urlParse .Values.mlflow.url).host "ray.redis" .Values.ray.redis -}}
{{- range (fromYaml (include "slipway.tracks" .)).tracks -}}
  {{- with get .settings "SLIPWAY_TRITON_URL" -}}
    {{- if not (regexMatch "^[^:/]+:[0-9]+$" .) }}{{ fail (printf "SLIPWAY_TRITON_URL: %q must be host:port of Triton's gRPC, such as triton:8001" .) }}{{ end -}}
    {{- $_ := set $ports "SLIPWAY_TRITON_URL" . -}}
  {{- end -}}
{{- end -}}
{{- range $path, $host := $ports -}}
  {{- if contains ":" $host -}}
    {{- $port := splitList ":" $host | last | int -}}
    {{- if or (lt $port 1) (gt $port 65535) }}{{ fail (printf "%s: the port in %q must be from 1 to 65535" $path $host) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Peers of a NetworkPolicy. Takes path and peers. */}}
{{- define "slipway.checkPeers" -}}
{{- range $i, $peer := .peers -}}
  {{- $at := printf "%s[%d]" $.path $i -}}
  {{- with $peer.ipBlock -}}
    {{- if gt (len $peer) 1 }}{{ fail (printf "%s: ipBlock cannot be combined with a selector; make it a peer of its own" $at) }}{{ end -}}
    {{- include "slipway.checkCidr" (dict "path" (printf "%s.ipBlock.cidr" $at) "value" .cidr) -}}
    {{- $block := .cidr -}}
    {{- range .except }}{{ include "slipway.checkCidr" (dict "path" (printf "%s.ipBlock.except" $at) "value" . "within" $block) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes path, value and optionally within, the block that must contain it. */}}
{{- define "slipway.checkCidr" -}}
{{- $number := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" -}}
{{- $hex := "[0-9a-fA-F]{1,4}" -}}
{{- $four := printf "^(%s[.]){3}%s/(3[0-2]|[12]?[0-9])$" $number $number -}}
{{- $six := printf "^((%s:){7}%s|(%s(:%s){0,6})?::(%s(:%s){0,6})?)/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$" $hex $hex $hex $hex $hex $hex -}}
{{- $address := splitList "/" .value | first -}}
{{- $isFour := regexMatch $four .value -}}
{{- $isSix := and (regexMatch $six .value) (or (not (contains "::" $address)) (lt (splitList ":" $address | compact | len) 8)) -}}
{{- if not (or $isFour $isSix) -}}
{{- fail (printf "%s: %q must be a block of addresses with a mask, such as 10.0.0.0/8" .path .value) -}}
{{- end -}}
{{- $bits := include "slipway.bits" $address -}}
{{- $mask := splitList "/" .value | last | atoi -}}
{{- if contains "1" (substr $mask (len $bits) $bits) -}}
{{- fail (printf "%s: %q must begin with the first address of its block" .path .value) -}}
{{- end -}}
{{- with .within -}}
  {{- $all := include "slipway.bits" (splitList "/" . | first) -}}
  {{- $fewer := splitList "/" . | last | atoi -}}
  {{- if or (ne (len $all) (len $bits)) (le $mask $fewer) (ne (trunc $fewer $all) (trunc $fewer $bits)) -}}
    {{- fail (printf "%s: %q must lie within %s and be smaller" $.path $.value .) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The bits of an address, as a text of 32 or 128 digits. */}}
{{- define "slipway.bits" -}}
{{- if contains ":" . -}}
  {{- $digits := dict -}}
  {{- range $i, $digit := splitList "" "0123456789abcdef" }}{{ $_ := set $digits $digit (printf "%04b" $i) }}{{ end -}}
  {{- $ends := splitList "::" (lower .) -}}
  {{- $before := splitList ":" (first $ends) | compact -}}
  {{- $after := list -}}
  {{- if gt (len $ends) 1 -}}
    {{- $after = splitList ":" (last $ends) | compact -}}
    {{- range until (sub (sub 8 (len $before)) (len $after) | int) }}{{ $before = append $before "0" }}{{ end -}}
  {{- end -}}
  {{- range concat $before $after }}{{ range splitList "" (printf "%04s" . | replace " " "0") }}{{ get $digits . }}{{ end }}{{ end -}}
{{- else -}}
  {{- range splitList "." . }}{{ printf "%08b" (atoi .) }}{{ end -}}
{{- end -}}
{{- end -}}
