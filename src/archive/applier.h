// The steps of apply(), one function per kind of entry. Inside room archive only.
#pragma once

#include <bitset>
#include <memory>

#include "archive/apply.h"
#include "archive/file_writers.h"
#include "archive/tree.h"

namespace wharf::archive {

class Applier {
 public:
  Applier(const os::Fd& directory, const ApplyOptions& options);

  Applied run(Source& source);

 private:
  struct Place {
    DirectoryPtr parent;
    std::string name;
  };

  void entry(TarReader& tar, const Entry& entry);
  void make(TarReader& tar, const Entry& entry, const Place& place);
  std::string name_of(const Entry& entry) const;
  void make_room(const Entry& entry, const Place& place);
  void file(TarReader& tar, const Entry& entry, const Place& place);
  void directory(const Entry& entry, const Place& place);
  void root_directory(const Entry& entry);
  void hard_link(const Entry& entry, const Place& place);
  void whiteout(const Entry& entry, const Place& place);
  void set_opaque(const Directory& directory);
  void make_at(const Place& place, const Entry& entry, const std::function<int()>& call);
  void settle(const Place& place);
  void mark_special(const Place& place);
  bool maybe_special(const Place& place) const;
  void check_space(std::uint64_t more);
  void finish_directories();
  std::vector<std::string> implied() const;

  const ApplyOptions& options_;
  Tree tree_;
  Applied applied_;
  /// Directories get their times last, as what is made in them changes it.
  struct Pending {
    std::string path;
    std::int64_t seconds;
    std::uint32_t nanoseconds;
  };
  std::vector<Pending> directories_;
  /// Names that are not plain files, by hash: a wrong yes costs one stat(2).
  std::unique_ptr<std::bitset<1 << 23>> special_;
  std::uint64_t reserve_ = 0;
  std::uint64_t unchecked_ = 0;
  FileWriters writers_;  // Last: its threads use the tree.
};

}  // namespace wharf::archive
