package redis

import goredis "github.com/redis/go-redis/v9"

// opening makes the stream, the group and the epoch where one is missing, and names the epoch.
//
// A stream that is not there is a stream that was lost, so it begins a new epoch even if the old epoch's key survived.
// The server's run id is part of the epoch: a restart may have brought an older snapshot back, whose loss would be
// hidden as soon as somebody published to it. A restart that lost nothing then costs a needless second publishing,
// which is harmless. Where INFO is forbidden, the run id is left out.
//
// KEYS[1] the stream, KEYS[2] the epoch's key; ARGV[1] the group, ARGV[2] a name for a new epoch.
const opening = `
local function open()
  local lost = redis.call('EXISTS', KEYS[1]) == 0
  if lost then
    redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  else
    local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
    local found = false
    for _, g in ipairs(groups) do
      if g[2] == ARGV[1] then found = true end
    end
    if not found then redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0') end
  end
  local epoch = redis.call('GET', KEYS[2])
  if lost or not epoch then
    epoch = ARGV[2]
    redis.call('SET', KEYS[2], epoch)
  end
  local info = redis.pcall('INFO', 'server')
  local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
  return epoch .. '/' .. run
end
`

// markScript gives {epoch, id of the newest message ever, "0-0" if none}. Keys and arguments as for opening.
var markScript = goredis.NewScript(opening + `
local epoch = open()
local info = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then return {epoch, info[i + 1]} end
end
return {epoch, '0-0'}
`)

// publishScript adds messages, all or none, and gives {epoch, id of the last one}; or {} when the stream would grow
// beyond its bound. One script, so that bound, epoch and messages belong together even if the data are lost meanwhile.
// Keys and arguments as for opening; ARGV[3] the bound, then an event's id and a booking's id for each message.
var publishScript = goredis.NewScript(opening + `
local count = (#ARGV - 3) / 2
if redis.call('XLEN', KEYS[1]) + count > tonumber(ARGV[3]) then return {} end
local epoch = open()
local last = '0-0'
for i = 4, #ARGV, 2 do
  last = redis.call('XADD', KEYS[1], '*', '` + eventField + `', ARGV[i], '` + bookingField + `', ARGV[i + 1])
end
return {epoch, last}
`)

// forgetScript drops consumers of the group that hold no message and have been away for long: every process has a
// consumer name of its own, so that they would pile up. KEYS[1] the stream; ARGV[1] the group, ARGV[2] how long, in ms.
// It returns how many were dropped.
var forgetScript = goredis.NewScript(`
local dropped = 0
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #c, 2 do consumer[c[i]] = c[i + 1] end
  if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
    dropped = dropped + 1
  end
end
return dropped
`)
