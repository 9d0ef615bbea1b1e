#include "container/id_blocks.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::container {

namespace {

std::uint64_t end_of(const IdBlock& block) {
  return std::uint64_t{block.first} + block.count;
}

IdBlock between(std::uint64_t first, std::uint64_t end) {
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end - first)};
}

[[noreturn]] void bad_mode(std::string_view mode) {
  base::fail(base::Kind::InvalidArgument, "invalid USER mode: {}", mode);
}

}  // namespace

std::optional<std::uint32_t> automatic_size(std::string_view mode) {
  constexpr std::string_view kAuto = "auto", kSize = "auto:size=";
  if (mode == kAuto) return kIdBlockSize;
  if (!mode.starts_with("auto:")) return std::nullopt;
  if (!mode.starts_with(kSize)) bad_mode(mode);
  const std::string_view digits = mode.substr(kSize.size());
  std::uint32_t size = 0;
  const auto [stopped, error] = std::from_chars(digits.begin(), digits.end(), size);
  if (error != std::errc() || stopped != digits.end() || size == 0) bad_mode(mode);
  return size;
}

std::vector<IdBlock> without(const std::vector<IdBlock>& pool, const IdBlock& taken) {
  std::vector<IdBlock> left;
  for (const IdBlock& block : pool) {
    const std::uint64_t end = end_of(block);
    if (taken.count == 0 || end <= taken.first || end_of(taken) <= block.first) {
      left.push_back(block);
      continue;
    }
    if (block.first < taken.first) left.push_back(between(block.first, taken.first));
    if (end_of(taken) < end) left.push_back(between(end_of(taken), end));
  }
  return left;
}

std::optional<IdBlock> find_free(const std::vector<IdBlock>& pool, std::vector<IdBlock> taken,
                                 std::uint32_t count) {
  std::ranges::sort(taken);
  for (const IdBlock& block : pool) {
    std::uint64_t at = block.first;
    for (const IdBlock& other : taken) {
      if (end_of(other) <= at) continue;
      if (at + count <= other.first) break;
      at = end_of(other);
    }
    if (at + count <= end_of(block)) return between(at, at + count);
  }
  return std::nullopt;
}

IdBlock choose_block(store::Reader& reader, const std::vector<IdBlock>& pool, std::uint32_t count) {
  std::vector<IdBlock> taken;
  store::Rows rows = reader.query("SELECT first, count FROM id_blocks");
  while (rows.next()) {
    taken.push_back(
        {static_cast<std::uint32_t>(rows.integer(0)), static_cast<std::uint32_t>(rows.integer(1))});
  }
  const std::size_t owners = taken.size();
  if (const auto free = find_free(pool, std::move(taken), count)) return *free;
  base::fail(base::Kind::Unavailable,
             "no {} ids in a row are free for a user namespace of its own: {} containers have one; "
             "a line \"wharf:FIRST:COUNT\" in /etc/subuid and /etc/subgid gives more",
             count, owners);
}

void keep_block(store::Transaction& transaction, const std::string& container_id, IdBlock block) {
  transaction.run("INSERT INTO id_blocks(container, first, count) VALUES(?, ?, ?)",
                  {container_id, std::int64_t{block.first}, std::int64_t{block.count}});
}

}  // namespace wharf::container
