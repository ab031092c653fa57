{{/* What the chart knows of each app and of each added model, by name: the fields of serving/kernel/app_values.py. */}}
{{- define "slipway.apps" -}}
{{- $file := fromYaml (.Files.Get "apps.yaml") -}}
{{- $found := $file.apps -}}
{{- range $name, $own := .Values.addedModels -}}
  {{- if hasKey $file.apps $name -}}
    {{- fail (printf "addedModels.%s: %s is an app, so it is served already; remove it" $name $name) -}}
  {{- end -}}
  {{- $_ := set $found $name (mergeOverwrite (deepCopy $file.defaults) (deepCopy ($own | default dict))) -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* A memory quantity in MiB. Takes a quantity in Gi or Mi. */}}
{{- define "slipway.mebibytes" -}}
{{- if hasSuffix "Gi" . }}{{ mulf (float64 (trimSuffix "Gi" .)) 1024 | ceil | int64 }}
{{- else if hasSuffix "Mi" . }}{{ trimSuffix "Mi" . | float64 | ceil | int64 }}
{{- else }}{{ fail (printf "%q is not a quantity of memory in Gi or Mi" .) }}{{ end -}}
{{- end -}}

{{/* What a gateway needs that serves all these apps: serving/kernel/app_values.py, most_demanding. Takes apps, names and
     shared: small apps share their libraries, so each after the most demanding counts a quarter of its memory. */}}
{{- define "slipway.needs" -}}
{{- $apps := .apps -}}
{{- $replicas := dict "min" 1 "max" 1 "targetOngoingRequests" 32.0 "targetQueueMs" 20.0 "upscaleDelaySeconds" 10.0 "downscaleDelaySeconds" 300.0 -}}
{{- $cpus := 0.0 -}}{{- $memory := 0 -}}{{- $most := 0 -}}{{- $first := true -}}
{{- range $name := .names | default (keys $apps | sortAlpha) -}}
{{- with get $apps $name -}}
  {{- $r := .replicas -}}
  {{- if $first -}}
    {{- $_ := set $replicas "targetOngoingRequests" $r.target_ongoing_requests -}}
    {{- $_ := set $replicas "targetQueueMs" $r.target_queue_ms -}}
    {{- $_ := set $replicas "upscaleDelaySeconds" $r.upscale_delay_s -}}
    {{- $_ := set $replicas "downscaleDelaySeconds" $r.downscale_delay_s -}}
  {{- end -}}
  {{- $first = false -}}
  {{- $_ := set $replicas "min" (max $replicas.min $r.min) -}}
  {{- $_ := set $replicas "max" (max $replicas.max $r.max) -}}
  {{- $_ := set $replicas "targetOngoingRequests" (minf $replicas.targetOngoingRequests $r.target_ongoing_requests) -}}
  {{- $_ := set $replicas "targetQueueMs" (minf $replicas.targetQueueMs $r.target_queue_ms) -}}
  {{- $_ := set $replicas "upscaleDelaySeconds" (minf $replicas.upscaleDelaySeconds $r.upscale_delay_s) -}}
  {{- $_ := set $replicas "downscaleDelaySeconds" (maxf $replicas.downscaleDelaySeconds $r.downscale_delay_s) -}}
  {{- $cpus = maxf $cpus .resources.cpus -}}
  {{- $memory = add $memory (include "slipway.mebibytes" .resources.memory | int64) -}}
  {{- $most = max $most (include "slipway.mebibytes" .resources.memory | int64) -}}
{{- end -}}
{{- end -}}
{{- if .shared }}{{ $memory = add $most (div (sub $memory $most) 4) }}{{ end -}}
{{- dict "replicas" $replicas "cpus" ($cpus | default 1.0) "memory" ($memory | default 1024) | toYaml -}}
{{- end -}}

{{/* Not empty if an app is small: without a GPU, and its model runs in the gateway. Takes app (its values) and defaults. */}}
{{- define "slipway.isSmall" -}}
{{- $backend := .defaults.backend | default .app.backend -}}
{{- if and (eq $backend "fused") (not .app.resources.gpus) (not (int .defaults.gpu.count)) }}true{{ end -}}
{{- end -}}

{{/* The runtime of a group: `auto` is ray where a GPU or pods for models are needed, else process. Takes apps and group. */}}
{{- define "slipway.runtime" -}}
{{- $ray := or (gt (int .group.gpu.count) 0) (eq .group.backend "replica") -}}
{{- range .group.apps | default (keys .apps) -}}
  {{- with get $.apps . -}}
    {{- if or .resources.gpus (and (not $.group.backend) (eq .backend "replica")) }}{{ $ray = true }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- eq .group.runtime "auto" | ternary (ternary "ray" "process" $ray) .group.runtime -}}
{{- end -}}

{{/* The apps of each group, by the group's name. */}}
{{- define "slipway.groups" -}}
{{- $root := . -}}
{{- $apps := fromYaml (include "slipway.apps" .) -}}
{{- $auto := eq (toString .Values.groupPerApp) "auto" -}}
{{- $shared := dict -}}{{- $isNamed := false -}}{{- $small := list -}}
{{- $groups := dict -}}{{- $named := list -}}{{- $all := "" -}}
{{- range $name, $group := .Values.groups -}}
  {{- $names := $group.apps | default list -}}
  {{- $own := replace "-" "_" $name -}}
  {{- if and $auto (eq $name "shared") (not $names) (not (hasKey $apps "shared")) -}}
    {{- $shared = $group -}}{{- $isNamed = true -}}
  {{- else -}}
  {{- if and (not $names) (hasKey $apps $name) -}}{{- $names = list $name -}}{{- end -}}
  {{- if and (not $names) (hasKey $apps $own) -}}{{- $names = list $own -}}{{- end -}}
  {{- if not $names -}}{{- $all = $name -}}{{- end -}}
  {{- range $names -}}
    {{- if not (or (hasKey $apps .) (contains "." .)) -}}
      {{- fail (printf "groups.%s.apps: there is no app %q; there are: %s. Models that were added from a file go into addedModels first" $name . (keys $apps | sortAlpha | join ", ")) -}}
    {{- end -}}
    {{- if has . $named -}}{{- fail (printf "groups.%s.apps: %q is also in another group; remove it from one of them" $name .) -}}{{- end -}}
  {{- end -}}
  {{- $named = concat $named $names -}}
  {{- $_ := set $groups $name (mergeOverwrite (deepCopy $.Values.groupDefaults) (deepCopy $group) (dict "apps" $names)) -}}
  {{- end -}}
{{- end -}}
{{- if and $all (gt (len $groups) 1) -}}
  {{- fail (printf "groups.%s has no apps and therefore serves all apps; list its apps, or remove the other groups" $all) -}}
{{- end -}}
{{- if and .Values.groupPerApp (not $all) -}}
  {{- range $app, $own := $apps -}}
    {{- $name := replace "_" "-" $app -}}
    {{- if has $app $named -}}
    {{- else if and (hasKey $groups $name) (not (hasKey $root.Values.groups $name)) -}}
      {{- fail (printf "the apps %s and %s would both have the group %s; add one of them to a group of another name" (first (get $groups $name).apps) $app $name) -}}
    {{- else if hasKey $groups $name -}}
      {{- fail (printf "groups.%s: the app with this name is in no group; add it to one" $name) -}}
    {{- else if and $auto (include "slipway.isSmall" (dict "app" $own "defaults" $root.Values.groupDefaults)) -}}
      {{- $small = append $small $app -}}
    {{- else -}}
      {{- if gt (len $name) 20 -}}{{- fail (printf "the name of the app %s has more than 20 characters, which is too long for its own group; add the app to one of `groups`" $app) -}}{{- end -}}
      {{- $_ := set $groups $name (mergeOverwrite (deepCopy $.Values.groupDefaults) (dict "apps" (list $app))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if $small -}}
  {{- if hasKey $groups "shared" -}}
    {{- fail "groups.shared is the group of the small apps, and the app shared would have it alone; add this app to a group of another name" -}}
  {{- end -}}
  {{- $_ := set $groups "shared" (mergeOverwrite (deepCopy .Values.groupDefaults) (deepCopy $shared) (dict "apps" $small "shared" true)) -}}
{{- else if $isNamed -}}
  {{- fail "groups.shared has no apps: every app is in another group; list its apps, or remove it" -}}
{{- end -}}
{{- range $groups }}{{ $_ := set . "runtime" (include "slipway.runtime" (dict "apps" $apps "group" .)) }}{{ end -}}
{{- toYaml $groups -}}
{{- end -}}

{{/* A list under `tracks`: each group's stable track, and its canary track if the canary has a weight. */}}
{{- define "slipway.tracks" -}}
{{- $root := . -}}
{{- $apps := fromYaml (include "slipway.apps" .) -}}
{{- $tracks := list -}}
{{- range $name, $group := fromYaml (include "slipway.groups" .) -}}
  {{- $needs := fromYaml (include "slipway.needs" (dict "apps" $apps "names" $group.apps "shared" $group.shared)) -}}
  {{- $names := $group.apps | default (keys $apps | sortAlpha) -}}
  {{- $replicas := mergeOverwrite $needs.replicas ($group.replicas | default dict) -}}
  {{- if gt (int $replicas.min) (int $replicas.max) -}}
    {{- fail (printf "groups.%s.replicas: min (%v) must not exceed max (%v)" $name $replicas.min $replicas.max) -}}
  {{- end -}}
  {{- if and (eq $group.runtime "process") (eq $group.backend "replica") -}}
    {{- fail (printf "groups.%s.backend: replica requires runtime ray" $name) -}}
  {{- end -}}
  {{- if and (eq $group.backend "triton") (not $root.Values.triton.enabled) (not (hasKey $group.settings "SLIPWAY_TRITON_URL")) -}}
    {{- fail (printf "groups.%s.backend: triton requires triton.enabled or settings.SLIPWAY_TRITON_URL" $name) -}}
  {{- end -}}
  {{- if and (eq $group.runtime "ray") $group.rollout -}}
    {{- fail (printf "groups.%s.rollout requires runtime process; KubeRay itself upgrades a RayService" $name) -}}
  {{- end -}}
  {{- $replicaApps := list -}}
  {{- range $app := $names -}}
    {{- $kind := $group.backend | default (dig $app "backend" "fused" $apps) -}}
    {{- if eq $kind "replica" -}}{{- $replicaApps = append $replicaApps $app -}}{{- end -}}
    {{- if and (eq $kind "replica") (eq $group.runtime "process") -}}
      {{- fail (printf "groups.%s.runtime: the backend of %s is replica, which requires runtime ray; set groups.%s.backend, or another runtime" $name $app $name) -}}
    {{- end -}}
    {{- if and (eq $kind "triton") (not (hasKey $group.settings "SLIPWAY_TRITON_URL")) -}}
      {{- if not $root.Values.triton.enabled -}}
        {{- fail (printf "groups.%s: the backend of %s is triton, which requires triton.enabled or settings.SLIPWAY_TRITON_URL" $name $app) -}}
      {{- else if and $root.Values.triton.models (not (has (splitList "." $app | last) $root.Values.triton.models)) -}}
        {{- fail (printf "triton.models: the backend of %s in the group %s is triton; add it" $app $name) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- $resources := $group.resources | default dict -}}
  {{- $overhead := ternary 1536 512 (eq $group.runtime "ray") -}}
  {{- $track := dict "group" $name "track" "stable" "apps" $names "settings" $group.settings "runtime" $group.runtime
        "backend" $group.backend "scaling" $group.scaling "gpu" $group.gpu "replicas" $replicas "replicaApps" $replicaApps
        "name" (printf "%s-%s" (include "slipway.fullname" $root) $name) "cpus" $needs.cpus
        "cpu" ($resources.cpu | default (toString $needs.cpus))
        "memory" ($resources.memory | default (printf "%dMi" (add $needs.memory $overhead | int64)))
        "image" (mergeOverwrite (deepCopy $root.Values.image.gateway) $group.image) -}}
  {{- $_ := set $track "appsSetting" (join "," ($group.apps | default list)) -}}
  {{- $canary := $group.canary | default dict -}}
  {{- $weight := $canary.weight | default 0 | int -}}
  {{- $_ := set $track "weight" (sub 100 $weight | int) -}}
  {{- with $group.rollout }}{{ $_ := set $track "rollout" . }}{{ end -}}
  {{- $tracks = append $tracks $track -}}
  {{- if gt $weight 0 -}}
    {{- $few := $canary.replicas | default $replicas.min -}}
    {{- $tracks = append $tracks (merge (dict "track" "canary" "weight" $weight
          "name" (printf "%s-canary" $track.name)
          "replicas" (merge (dict "min" $few "max" (max $few $replicas.min)) $replicas)
          "image" (mergeOverwrite (deepCopy $track.image) ($canary.image | default dict))) $track) -}}
  {{- end -}}
{{- end -}}
{{- dict "tracks" $tracks | toYaml -}}
{{- end -}}
