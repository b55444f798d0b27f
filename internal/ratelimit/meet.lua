-- Notes that a usable key came from an address, as addresses.meet does in memory.
-- Who is new brings along what was used as a stranger.
-- KEYS: strangers, the young acquaintances, the old ones.
-- ARGV: the tier's limit, how many are young, then the prefixes.
local now = tonumber(redis.call('TIME')[1])
local minute = math.floor(now / 60)
local strangers, young, old = KEYS[1], KEYS[2], KEYS[3]
local limit, most = tonumber(ARGV[1]), tonumber(ARGV[2])

local function holds(limit, at)
  return limit > 0 and now - at < 3600
end

for i = 3, #ARGV do
  local prefix = ARGV[i]
  local text = redis.call('HGET', young, prefix)
  if not text then
    text = redis.call('HGET', old, prefix)
    redis.call('HDEL', old, prefix)
    if redis.call('HLEN', young) >= most then
      redis.call('RENAME', young, old)
    end
  end
  local r = {0, 0, 0, 0, minute, 0, 0, 0}
  if text then
    r = {}
    for number in string.gmatch(text, '%d+') do
      r[#r + 1] = tonumber(number)
    end
  elseif redis.call('HGET', strangers, 'minute') == tostring(minute) then
    r[6] = tonumber(redis.call('HGET', strangers, prefix) or 0)
    redis.call('HDEL', strangers, prefix)
  end
  if not holds(r[1], r[2]) then
    r[1], r[2], r[3], r[4] = r[3], r[4], 0, 0
  end
  if limit >= r[1] or not holds(r[1], r[2]) then
    r[1], r[2] = limit, now
  elseif limit >= r[3] or not holds(r[3], r[4]) then
    r[3], r[4] = limit, now
  end
  redis.call('HSET', young, prefix, string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', unpack(r)))
end
redis.call('EXPIRE', young, 86400)
redis.call('EXPIRE', old, 86400)
return {now}
