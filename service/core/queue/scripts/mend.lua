-- Lists again what stands in the lists otherwise than its record says, as after a change by an earlier version.
-- ARGV[1]: a sorted set of everything of a sort, ARGV[2]: the key of a record without its id, ARGV[3]: the end to look
-- from, as ZREVRANGEBYLEX takes it, ARGV[4]: how many to look at.
-- Returns the last member that was looked at, or '' at the end, followed by the members that have never been listed.
local members = redis.call('ZREVRANGEBYLEX', ARGV[1], ARGV[3], '-', 'LIMIT', 0, ARGV[4])
local answer = { #members == tonumber(ARGV[4]) and members[#members] or '' }
for _, member in ipairs(members) do
  local key = ARGV[2] .. member:match('[^.]*$')
  local state, facets, listed, tenant = unpack(redis.call('HMGET', key, 'state', 'facets', 'listed', 'tenant'))
  if not facets then
    answer[#answer + 1] = member
  elseif listed ~= (state or '') then
    list(key, ARGV[1], tenant or 'default')
  end
end
return answer
