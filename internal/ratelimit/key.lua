-- Decides about a request by its key and its tier together, as keys.take does in
-- memory: where either refuses, neither has counted it.
-- KEYS: the counters.
-- ARGV: key, account, cost ('one', 'poll' or 'nothing'), the key's limit, the part of
-- it that polls may take, the tier's limit ('0' is none, of both), how many counters
-- there are.
-- Returns: 0, or 1 for refused by the key, 2 by the tier; what is left of each; what
-- each has used; the time in seconds.
local now = tonumber(redis.call('TIME')[1])
local minute = tostring(math.floor(now / 60))
local counters = KEYS[1]
local key, polls, tier = 'k' .. ARGV[1], 'p' .. ARGV[1], 't' .. ARGV[2]
local cost, keyLimit, pollLimit, tierLimit, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

if redis.call('HGET', counters, 'minute') ~= minute then
  redis.call('UNLINK', counters)
  redis.call('HSET', counters, 'minute', minute)
  redis.call('EXPIRE', counters, 120)
end
local used = redis.call('HMGET', counters, key, polls, tier)
local all, polled, byTier = tonumber(used[1] or 0), tonumber(used[2] or 0), tonumber(used[3] or 0)
local keyLeft, tierLeft = keyLimit - all, math.max(0, tierLimit - byTier)
if cost == 'poll' then
  keyLeft = math.min(keyLeft, pollLimit - polled)
end
keyLeft = math.max(0, keyLeft)
if cost == 'nothing' then
  return {0, keyLeft, tierLeft, all, byTier, now}
elseif keyLimit > 0 and keyLeft == 0 then
  return {1, keyLeft, tierLeft, all, byTier, now}
elseif tierLimit > 0 and tierLeft == 0 then
  return {2, keyLeft, tierLeft, all, byTier, now}
elseif redis.call('HLEN', counters) < most or ((keyLimit == 0 or used[1]) and (tierLimit == 0 or used[3])) then
  if keyLimit > 0 then
    redis.call('HINCRBY', counters, key, 1)
    if cost == 'poll' then
      redis.call('HINCRBY', counters, polls, 1)
    end
  end
  if tierLimit > 0 then
    redis.call('HINCRBY', counters, tier, 1)
  end
  keyLeft, tierLeft = keyLeft - 1, tierLeft - 1
end
return {0, keyLeft, tierLeft, all + 1, byTier + 1, now}
