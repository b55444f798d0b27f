-- Decides about a request by its address, as addresses.take does in memory: the
-- line's and the site's limit must both allow it, and a refused request is counted
-- nowhere.
-- KEYS: strangers, the young acquaintances, the old ones, those of them that were
-- refused within a day by the second of it.
-- ARGV: line, site ('' for none), limit of a line, '1' where a key does not raise
-- it, how many times that a site has, how many strangers are counted, how many refused
-- acquaintances are listed.
-- Returns: 1 for refused, the limit and what is left, the time in seconds.
local now = tonumber(redis.call('TIME')[1])
local minute = tostring(math.floor(now / 60))
local strangers, young, old, denied = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, fixed, times, most = tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])

if redis.call('HGET', strangers, 'minute') ~= minute then
  redis.call('UNLINK', strangers)
  redis.call('HSET', strangers, 'minute', minute)
  redis.call('EXPIRE', strangers, 120)
end

-- A record of an acquaintance: two limits with the time when each was seen, what
-- was used in which minute, how often it was refused and when last.
local function read(prefix)
  local generation, text = young, redis.call('HGET', young, prefix)
  if not text then
    generation, text = old, redis.call('HGET', old, prefix)
  end
  if not text then
    return nil
  end
  local r = {generation = generation, prefix = prefix}
  for number in string.gmatch(text, '%d+') do
    r[#r + 1] = tonumber(number)
  end
  if tostring(r[5]) ~= minute then
    r[5], r[6] = tonumber(minute), 0
  end
  return r
end

local function write(r)
  redis.call('HSET', r.generation, r.prefix, string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', unpack(r)))
end

local function slot(prefix, times)
  local s = {prefix = prefix, limit = limit * times, known = read(prefix)}
  if s.known then
    local high = 0
    if now - s.known[2] < 3600 then
      high = s.known[1]
    elseif now - s.known[4] < 3600 then
      high = s.known[3]
    end
    s.used = s.known[6]
    if not fixed then
      s.limit = math.max(limit, high) * times
    end
    return s
  end
  local used = redis.call('HGET', strangers, prefix)
  if not used and redis.call('HLEN', strangers) > most then
    s.prefix = 'others'
    used = redis.call('HGET', strangers, 'others')
  end
  s.used = tonumber(used or 0)
  return s
end

local slots = {slot(ARGV[1], 1)}
if ARGV[2] ~= '' then
  table.insert(slots, 1, slot(ARGV[2], times))
end
for _, s in ipairs(slots) do
  if s.used >= s.limit then
    if s.known then
      s.known[7], s.known[8] = s.known[7] + 1, now
      write(s.known)
      redis.call('ZADD', denied, now, s.prefix)
      redis.call('ZREMRANGEBYSCORE', denied, '-inf', '(' .. string.format('%.0f', now - 86400))
      redis.call('ZREMRANGEBYRANK', denied, 0, -tonumber(ARGV[7]) - 1)
      redis.call('EXPIRE', denied, 86400)
    end
    return {1, s.limit, 0, now}
  end
end
for _, s in ipairs(slots) do
  if s.known then
    s.known[6] = s.known[6] + 1
    write(s.known)
  else
    redis.call('HSET', strangers, s.prefix, s.used + 1)
  end
end
local limited, left = slots[#slots].limit, slots[#slots].limit - slots[#slots].used - 1
if #slots == 2 and slots[1].limit - slots[1].used - 1 < left then
  limited, left = slots[1].limit, slots[1].limit - slots[1].used - 1
end
return {0, limited, left, now}
