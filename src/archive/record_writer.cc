#include <zstd.h>

#include <vector>

#include "archive/record_format.h"
#include "archive/tar_record.h"
#include "base/error.h"

namespace wharf::archive {
namespace {

/// Headers of one archive are so alike that the fastest level already gives 1 : 30.
constexpr int kLevel = 1;
constexpr std::size_t kRawBuffer = 64 << 10;

}  // namespace

struct RecordWriter::Stream {
  explicit Stream(const os::Fd& to) : file(to), state(::ZSTD_createCCtx(), ::ZSTD_freeCCtx) {
    if (!state) throw std::bad_alloc();
    ::ZSTD_CCtx_setParameter(state.get(), ZSTD_c_compressionLevel, kLevel);
    ::ZSTD_CCtx_setParameter(state.get(), ZSTD_c_checksumFlag, 1);
    buffer.resize(::ZSTD_CStreamOutSize());
  }

  void write(std::string_view bytes, ZSTD_EndDirective mode) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
      const std::size_t left = ::ZSTD_compressStream2(state.get(), &out, &in, mode);
      if (::ZSTD_isError(left)) {
        base::fail(base::Kind::Internal, "tar record: {}", ::ZSTD_getErrorName(left));
      }
      os::write_all(file, {buffer.data(), out.pos});
      if (mode == ZSTD_e_continue ? in.pos == in.size : left == 0) return;
    }
  }

  const os::Fd& file;
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> state;
  std::vector<char> buffer;
};

RecordWriter::RecordWriter(const os::Fd& file) : stream_(std::make_unique<Stream>(file)) {
  os::write_all(file, kRecordMagic);
  raw_.reserve(kRawBuffer);
}

RecordWriter::~RecordWriter() = default;

void RecordWriter::put(std::string_view bytes) {
  stream_->write(bytes, ZSTD_e_continue);
}

void RecordWriter::raw(std::string_view bytes) {
  if (raw_.size() + bytes.size() > kRawBuffer) flush_raw();
  if (bytes.size() <= kRawBuffer) {
    raw_.append(bytes);
    return;
  }
  while (!bytes.empty()) {
    raw_.append(bytes.substr(0, kRawBuffer));
    bytes.remove_prefix(raw_.size());
    flush_raw();
  }
}

void RecordWriter::flush_raw() {
  if (raw_.empty()) return;
  std::string head(1, kRawItem);
  put_number(head, static_cast<std::uint32_t>(raw_.size()));
  put(head);
  put(raw_);
  raw_.clear();
}

void RecordWriter::content(std::string_view path, std::uint64_t size) {
  flush_raw();
  std::string item(1, kContentItem);
  put_number(item, size);
  put_text(item, path);
  put(item);
  ++contents_;
}

void RecordWriter::finish(const std::vector<SetAside>& aside, const base::Digest& tar) {
  flush_raw();
  std::string items;
  for (const SetAside& one : aside) {
    items += kAsideItem;
    put_number(items, one.before);
    put_number(items, one.number);
    put_text(items, one.path);
  }
  items += kEndItem;
  put_text(items, tar.text());
  stream_->write(items, ZSTD_e_end);
}

}  // namespace wharf::archive
