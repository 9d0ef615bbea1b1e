#include "archive/filters.h"

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <cstring>

#include "base/error.h"

namespace wharf::archive {
namespace {

[[noreturn]] void ends_early(const char* format) {
  // Docker: Go's gzip, zstd and tar readers all say so, and clients show it.
  base::fail(base::Kind::InvalidArgument, "{}: unexpected EOF", format);
}

class Plain final : public Source {
 public:
  explicit Plain(std::unique_ptr<Input> input) : input_(std::move(input)) {}

  std::size_t read(std::span<char> into) override {
    const std::string_view bytes = input_->some();
    const std::size_t size = std::min(into.size(), bytes.size());
    std::memcpy(into.data(), bytes.data(), size);
    input_->skip(size);
    return size;
  }

 private:
  std::unique_ptr<Input> input_;
};

/// RFC 1952: members one after another; ISA-L checks each one's CRC and size.
class Gzip final : public Source {
 public:
  explicit Gzip(std::unique_ptr<Input> input) : input_(std::move(input)) { start_member(); }

  std::size_t read(std::span<char> into) override {
    state_->next_out = reinterpret_cast<std::uint8_t*>(into.data());
    state_->avail_out = static_cast<std::uint32_t>(std::min<std::size_t>(into.size(), 1U << 30));
    const std::uint32_t room = state_->avail_out;
    while (state_->avail_out == room) {
      if (state_->block_state == ISAL_BLOCK_FINISH && !next_member()) return 0;
      step();
    }
    return room - state_->avail_out;
  }

 private:
  void start_member() {
    ::isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

  bool next_member() {
    const std::string_view magic = input_->peek(3);
    if (magic.empty()) return false;
    if (detect_compression(magic) != Compression::Gzip) {
      base::fail(base::Kind::InvalidArgument, "gzip: invalid header: bytes after the last member");
    }
    std::uint8_t* out = state_->next_out;
    const std::uint32_t room = state_->avail_out;
    start_member();
    state_->next_out = out;
    state_->avail_out = room;
    return true;
  }

  void step() {
    const std::string_view bytes = input_->some();
    // ISA-L holds up to 8 bytes of its own: without new input it may still have output.
    const std::uint32_t room = state_->avail_out;
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    state_->avail_in = static_cast<std::uint32_t>(bytes.size());
    const int result = ::isal_inflate(state_.get());
    if (result < 0) base::fail(base::Kind::InvalidArgument, "gzip: {}", reason(result));
    input_->skip(bytes.size() - state_->avail_in);
    const bool stuck = state_->avail_out == room && state_->block_state != ISAL_BLOCK_FINISH;
    if (bytes.empty() && stuck) ends_early("gzip");
  }

  static const char* reason(int result) {
    switch (result) {
      case ISAL_INCORRECT_CHECKSUM:
        return "invalid checksum";
      case ISAL_INVALID_WRAPPER:
      case ISAL_UNSUPPORTED_METHOD:
        return "invalid header";
      default:
        return "corrupt input";
    }
  }

  std::unique_ptr<Input> input_;
  std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
};

/// RFC 8878: frames one after another.
class Zstd final : public Source {
 public:
  explicit Zstd(std::unique_ptr<Input> input)
      : input_(std::move(input)), state_(::ZSTD_createDStream(), ::ZSTD_freeDStream) {
    if (!state_) throw std::bad_alloc();
    static_assert(kMaxWindow == 1ULL << 27);
    ::ZSTD_DCtx_setParameter(state_.get(), ZSTD_d_windowLogMax, 27);
  }

  std::size_t read(std::span<char> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      const std::string_view bytes = input_->some();
      if (bytes.empty() && frame_done_) return 0;
      ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
      const std::size_t result = ::ZSTD_decompressStream(state_.get(), &out, &in);
      if (::ZSTD_isError(result)) {
        base::fail(base::Kind::InvalidArgument, "zstd: {}", ::ZSTD_getErrorName(result));
      }
      input_->skip(in.pos);
      frame_done_ = result == 0;
      if (bytes.empty() && out.pos == 0 && !frame_done_) ends_early("zstd");
    }
    return out.pos;
  }

 private:
  std::unique_ptr<Input> input_;
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> state_;
  bool frame_done_ = true;
};

/// libarchive reading its "raw" format: only its filters work, none of its archive parsers.
class Library final : public Source {
 public:
  explicit Library(std::unique_ptr<Input> input)
      : input_(std::move(input)), archive_(::archive_read_new(), ::archive_read_free) {
    if (!archive_) throw std::bad_alloc();
    ::archive_read_support_filter_bzip2(archive_.get());
    ::archive_read_support_filter_xz(archive_.get());
    ::archive_read_support_format_raw(archive_.get());
    if (::archive_read_open(archive_.get(), this, nullptr, give, nullptr) != ARCHIVE_OK) refuse();
    archive_entry* entry = nullptr;
    const int result = ::archive_read_next_header(archive_.get(), &entry);
    empty_ = result == ARCHIVE_EOF;
    if (result != ARCHIVE_OK && !empty_) refuse();
    // Too short for its own magic: libarchive would take it for a plain file.
    if (::archive_filter_code(archive_.get(), 0) == ARCHIVE_FILTER_NONE) ends_early("decompress");
  }

  std::size_t read(std::span<char> into) override {
    if (empty_) return 0;
    const la_ssize_t size = ::archive_read_data(archive_.get(), into.data(), into.size());
    if (size < 0) refuse();
    return static_cast<std::size_t>(size);
  }

 private:
  static la_ssize_t give(struct archive*, void* self, const void** bytes) {
    auto* me = static_cast<Library*>(self);
    try {
      me->input_->skip(me->given_);
      const std::string_view some = me->input_->some();
      me->given_ = some.size();
      *bytes = some.data();
      return static_cast<la_ssize_t>(some.size());
    } catch (const base::Error&) {
      // No exception may pass through libarchive: kept, and thrown on the other side.
      me->failure_ = std::current_exception();
      return -1;
    }
  }

  [[noreturn]] void refuse() {
    if (failure_) std::rethrow_exception(failure_);
    const char* reason = ::archive_error_string(archive_.get());
    base::fail(base::Kind::InvalidArgument, "decompress: {}", reason ? reason : "corrupt input");
  }

  std::unique_ptr<Input> input_;
  std::size_t given_ = 0;
  std::exception_ptr failure_;
  bool empty_ = false;
  std::unique_ptr<struct archive, int (*)(struct archive*)> archive_;
};

}  // namespace

std::string_view Input::some() {
  return peek(1);
}

std::string_view Input::peek(std::size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ - begin_ < size && begin_ + size > buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ - begin_ < size && !ended_) {
    const std::size_t got = from_.read({buffer_.data() + end_, buffer_.size() - end_});
    ended_ = got == 0;
    end_ += got;
  }
  return {buffer_.data() + begin_, end_ - begin_};
}

std::unique_ptr<Source> plain_source(std::unique_ptr<Input> input) {
  return std::make_unique<Plain>(std::move(input));
}
std::unique_ptr<Source> gzip_source(std::unique_ptr<Input> input) {
  return std::make_unique<Gzip>(std::move(input));
}
std::unique_ptr<Source> zstd_source(std::unique_ptr<Input> input) {
  return std::make_unique<Zstd>(std::move(input));
}
std::unique_ptr<Source> library_source(std::unique_ptr<Input> input) {
  return std::make_unique<Library>(std::move(input));
}

}  // namespace wharf::archive
