-- Posts bookings, each for a slot of its own, and prints the outcome as one line of JSON.
-- Arguments: the first slot's number, and the first day's midnight in seconds since 1970.

local number, midnight
local headers = { ["Content-Type"] = "application/json" }
local body = '{"patientName":"Juan Pérez","patientEmail":"patient%d@example.com","date":"%s"}'

function init(arguments)
    number = tonumber(arguments[1])
    midnight = tonumber(arguments[2])
end

function request()
    local day, half_hour = math.floor(number / 24), number % 24
    local start = midnight + day * 86400 + 8 * 3600 + half_hour * 1800
    local filled = string.format(body, number, os.date("!%Y-%m-%dT%H:%M:%SZ", start))
    number = number + 1
    return wrk.format("POST", "/book", headers, filled)
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
