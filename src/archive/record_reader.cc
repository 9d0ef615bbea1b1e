#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "archive/filters.h"
#include "archive/record_format.h"
#include "archive/tar_record.h"
#include "base/error.h"
#include "base/strings.h"
#include "os/file.h"

namespace wharf::archive {
namespace {

constexpr std::size_t kHeldBack = 512;

[[noreturn]] void damaged(std::string_view why) {
  base::fail(base::Kind::Internal, "tar record is damaged: {}", why);
}

/// Reads the record's items one after another, from its start.
class Items {
 public:
  explicit Items(const os::Fd& record) : from_(record) {
    os::check(WHARF_CALL(lseek, record.get(), 0, SEEK_SET), "rewind tar record");
    std::array<char, kRecordMagic.size()> magic{};
    if (os::read_some(record, magic) != magic.size() ||
        std::string_view(magic.data(), magic.size()) != kRecordMagic) {
      damaged("no magic");
    }
    auto compressed = std::make_unique<Input>(from_);
    plain_ = zstd_source(std::move(compressed));
    input_ = std::make_unique<Input>(*plain_);
  }

  char kind() { return number<char>(); }

  template <class Number>
  Number number() {
    Number value{};
    const std::string bytes = text(sizeof value);
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  std::string text(std::size_t size) {
    const std::string_view bytes = input_->peek(size);
    if (bytes.size() < size) damaged("it ends early");
    std::string copy(bytes.substr(0, size));
    input_->skip(size);
    return copy;
  }
  std::string text() { return text(number<std::uint16_t>()); }

  void copy(std::size_t size, const Sink& sink) {
    while (size > 0) {
      const std::string_view some = input_->some();
      if (some.empty()) damaged("it ends early");
      const std::string_view bytes = some.substr(0, size);
      sink(bytes);
      size -= bytes.size();
      input_->skip(bytes.size());
    }
  }

 private:
  FdSource from_;
  std::unique_ptr<Source> plain_;
  std::unique_ptr<Input> input_;
};

SetAside read_aside(Items& items) {
  SetAside one;
  one.before = items.number<std::uint64_t>();
  one.number = items.number<std::uint32_t>();
  one.path = items.text();
  return one;
}

/// What was set aside is noted at the record's end: read all of it once.
std::vector<SetAside> read_all_aside(const os::Fd& record) {
  Items items(record);
  std::vector<SetAside> aside;
  while (true) {
    switch (items.kind()) {
      case kRawItem:
        items.copy(items.number<std::uint32_t>(), [](std::string_view) {});
        break;
      case kContentItem:
        items.number<std::uint64_t>();
        items.text();
        break;
      case kAsideItem:
        aside.push_back(read_aside(items));
        break;
      case kEndItem:
        return aside;
      default:
        damaged("unknown item");
    }
  }
}

/// Makes the archive again, and holds its last bytes back until its digest is known.
class Remaker {
 public:
  Remaker(const os::Fd& tree, const os::Fd& aside, std::vector<SetAside> moved, const Sink& sink)
      : tree_(tree), aside_(aside), moved_(std::move(moved)), sink_(sink) {}

  void send(std::string_view bytes) {
    hash_.update(bytes);
    held_.append(bytes);
    if (held_.size() < kBuffer) return;
    sink_(std::string_view(held_).substr(0, held_.size() - kHeldBack));
    held_.erase(0, held_.size() - kHeldBack);
  }

  void content(std::uint64_t size, const std::string& path) {
    const os::Fd file = open(path);
    ++ordinal_;
    std::array<char, 64 << 10> buffer;
    while (size > 0) {
      const std::size_t wanted = std::min<std::uint64_t>(size, buffer.size());
      const std::size_t got = os::read_some(file, {buffer.data(), wanted});
      if (got == 0) {
        base::fail(base::Kind::Internal, "{} is shorter than when it was unpacked",
                   base::quoted(path));
      }
      send({buffer.data(), got});
      size -= got;
    }
  }

  base::Digest finish(const base::Digest& expected) {
    base::Digest digest = hash_.finish();
    if (digest != expected) {
      base::fail(base::Kind::Internal, "the tar made again has digest {}, expected {}",
                 digest.text(), expected.text());
    }
    sink_(held_);
    return digest;
  }

 private:
  static constexpr std::size_t kBuffer = 256 << 10;

  os::Fd open(const std::string& path) const {
    for (const SetAside& one : moved_) {
      if (one.before <= ordinal_) continue;
      const bool inside = path.starts_with(one.path + "/");
      if (path == one.path || inside) {
        return os::open_beneath(aside_, std::to_string(one.number) + path.substr(one.path.size()),
                                O_RDONLY | O_NOFOLLOW);
      }
    }
    return os::open_beneath(tree_, path, O_RDONLY | O_NOFOLLOW);
  }

  const os::Fd& tree_;
  const os::Fd& aside_;
  std::vector<SetAside> moved_;
  const Sink& sink_;
  base::Sha256 hash_;
  std::string held_;
  std::uint64_t ordinal_ = 0;
};

}  // namespace

base::Digest write_tar(const os::Fd& record, const os::Fd& tree, const os::Fd& aside,
                       const Sink& sink) {
  std::vector<SetAside> moved;
  if (aside.valid()) moved = read_all_aside(record);
  Remaker remaker(tree, aside, std::move(moved), sink);
  Items items(record);
  while (true) {
    switch (items.kind()) {
      case kRawItem:
        items.copy(items.number<std::uint32_t>(),
                   [&](std::string_view bytes) { remaker.send(bytes); });
        break;
      case kContentItem: {
        const auto size = items.number<std::uint64_t>();
        remaker.content(size, items.text());
        break;
      }
      case kAsideItem:
        read_aside(items);
        break;
      case kEndItem:
        return remaker.finish(base::Digest::parse(items.text()));
      default:
        damaged("unknown item");
    }
  }
}

}  // namespace wharf::archive
