-- One POST again and again, or one to each path in turn. Arguments: file of the body, then headers as "name: value"
-- and paths as "/path". Prints one line of JSON.

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  local paths = {}
  for index = 2, #args do
    local name, value = args[index]:match("^([^/].-): (.*)$")
    if name then
      wrk.headers[name] = value
    else
      paths[#paths + 1] = args[index]
    end
  end
  if #paths > 0 then
    take_turns(paths)
  end
end

function take_turns(paths)
  local requests, last = {}, 0
  for index, path in ipairs(paths) do
    requests[index] = wrk.format(nil, path)
  end
  function request()
    last = last % #requests + 1
    return requests[last]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,' ..
      '"p50":%.0f,"p95":%.0f,"p99":%.0f,"p999":%.0f,"max":%.0f}\n',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency:percentile(99.9), latency.max))
end
