-- wrk posts readings, each a new one: `wrk -s post.lua URL -- FOLDER FIRST COUNTER`.
-- FOLDER holds header.txt (the name of the header that names the device, or nothing), devices.txt
-- (one a line) and body.txt, in which # stands for the device, @ for the batch's time and ~ for its
-- counter; both are one more in a device's next batch. They begin with FIRST and COUNTER.

local devices, requests, header, first, counter, turn = {}, {}, "", 0, 0, 0
-- A batch's text between its marks, and which mark stands at each place between: to fill these in
-- and join all is ten times quicker than to search the text each time. On a machine that also runs
-- what is measured, the sender must cost little.
local pieces, marks = {}, {}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function split(body)
  local from = 1
  for at in body:gmatch("()[#@~]") do
    pieces[#pieces + 1] = body:sub(from, at - 1)
    pieces[#pieces + 1] = ""
    marks[#marks + 1] = body:sub(at, at)
    from = at + 1
  end
  pieces[#pieces + 1] = body:sub(from)
end

function init(args)
  header = read(args[1] .. "/header.txt")
  local body = read(args[1] .. "/body.txt")
  first, counter = tonumber(args[2]), tonumber(args[3])
  for device in io.lines(args[1] .. "/devices.txt") do devices[#devices + 1] = device end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if body:find("@", 1, true) then return split(body) end
  for number, device in ipairs(devices) do
    if header ~= "" then wrk.headers[header] = device end
    requests[number] = wrk.format(nil, nil, nil, (body:gsub("#", device)))
  end
end

function request()
  turn = turn % #devices + 1
  if requests[turn] then return requests[turn] end
  if turn == 1 then first, counter = first + 1, counter + 1 end
  local device = devices[turn]
  if header ~= "" then wrk.headers[header] = device end
  local words = {["#"] = device, ["@"] = tostring(first), ["~"] = tostring(counter)}
  for number, mark in ipairs(marks) do pieces[2 * number] = words[mark] end
  return wrk.format(nil, nil, nil, table.concat(pieces))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "refused": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
