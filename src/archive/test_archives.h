// Archives for tests: small ones, built by hand, good and bad. Header-only; tests alone include it.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>

#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_header.h"
#include "archive/tar_writer.h"

namespace wharf::archive::testing {

struct Item {
  Entry entry;
  std::string content;
};

inline Item file(std::string name, std::string content = "content\n", mode_t mode = 0644) {
  Item item;
  item.entry.name = std::move(name);
  item.entry.mode = mode;
  item.entry.mtime_seconds = 1'700'000'000;
  item.content = std::move(content);
  return item;
}

inline Item of_type(Type type, std::string name, std::string link = {}, mode_t mode = 0755) {
  Item item = file(std::move(name), {}, mode);
  item.entry.type = type;
  item.entry.link = std::move(link);
  return item;
}
inline Item dir(std::string name, mode_t mode = 0755) {
  return of_type(Type::Directory, std::move(name), {}, mode);
}
inline Item link(std::string name, std::string target) {
  return of_type(Type::Symlink, std::move(name), std::move(target), 0777);
}
inline Item hard(std::string name, std::string target) {
  return of_type(Type::HardLink, std::move(name), std::move(target), 0644);
}

inline std::string tar(const std::vector<Item>& items, bool end = true) {
  std::string bytes;
  TarWriter writer([&](std::string_view some) { bytes += some; });
  for (const Item& item : items) writer.entry(item.entry, item.content);
  if (end) writer.finish();
  return bytes;
}

/// One raw header; the checksum is made right.
inline std::string raw_header(std::string_view name, char flag, std::string_view size_field,
                              std::string_view link = {}) {
  std::string block(kBlock, '\0');
  block.replace(0, name.size(), name);
  block.replace(kMode.offset, 7, "0000644");
  block.replace(kUid.offset, 7, "0000000");
  block.replace(kGid.offset, 7, "0000000");
  block.replace(kSize.offset, size_field.size(), size_field);
  block.replace(kMtime.offset, 11, "00000000000");
  block[kTypeOffset] = flag;
  block.replace(kLink.offset, link.size(), link);
  block.replace(kMagicOffset, 8, std::string_view("ustar\00000", 8));
  block.replace(kChecksum.offset, 6, fmt::format("{:06o}", checksum_of(block)));
  return block;
}

inline std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return bytes;
}

inline std::string gzip(std::string_view bytes) {
  std::string out(bytes.size() + bytes.size() / 8 + 4096, '\0');
  isal_zstream stream{};
  ::isal_deflate_stateless_init(&stream);
  stream.gzip_flag = IGZIP_GZIP;
  stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<std::uint32_t>(bytes.size());
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = static_cast<std::uint32_t>(out.size());
  stream.end_of_stream = 1;
  ::isal_deflate_stateless(&stream);
  out.resize(stream.total_out);
  return out;
}

/// By libarchive's own writers: what xz(1) and bzip2(1) would make.
inline std::string filtered(std::string_view bytes, int (*add)(struct archive*)) {
  std::string out(bytes.size() + 100'000, '\0');
  std::size_t used = 0;
  struct archive* writer = ::archive_write_new();
  add(writer);
  ::archive_write_set_format_raw(writer);
  ::archive_write_set_bytes_per_block(writer, 0);
  ::archive_write_open_memory(writer, out.data(), out.size(), &used);
  struct archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_write_header(writer, entry);
  ::archive_write_data(writer, bytes.data(), bytes.size());
  ::archive_entry_free(entry);
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  out.resize(used);
  return out;
}

}  // namespace wharf::archive::testing
