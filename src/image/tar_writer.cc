#include "image/tar_writer.h"

#include "base/error.h"

namespace wharf::image {
namespace {

constexpr std::size_t kBlock = 512;

struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kTime{136, 12};
constexpr std::size_t kChecksum = 148, kType = 156, kMagic = 257;

void put(std::string& block, Field field, std::string_view text) {
  block.replace(field.at, text.size(), text);
}

void put_octal(std::string& block, Field field, std::uint64_t number) {
  put(block, field, fmt::format("{:0{}o}", number, field.size - 1));
}

/// More than eleven octal digits hold: base-256, as GNU tar writes it.
void put_size(std::string& block, std::uint64_t size) {
  if (size < (1ULL << 33)) return put_octal(block, kSize, size);
  block[kSize.at] = static_cast<char>(0x80);
  for (std::size_t i = 0; i < 8; ++i) {
    block[kSize.at + kSize.size - 1 - i] = static_cast<char>(size >> (8 * i) & 0xff);
  }
}

}  // namespace

void TarWriter::header(const std::string& name, std::uint64_t size, unsigned mode, char type) {
  if (name.size() >= kName.size) base::fail(base::Kind::Internal, "tar name too long: {}", name);
  std::string block(kBlock, '\0');
  put(block, kName, name);
  put_octal(block, kMode, mode);
  put_octal(block, kUid, 0);
  put_octal(block, kGid, 0);
  put_size(block, size);
  put_octal(block, kTime, 0);  // The same image, the same bytes.
  block[kType] = type;
  block.replace(kMagic, 8, std::string_view("ustar\00000", 8));
  block.replace(kChecksum, 8, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  block.replace(kChecksum, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  sink_(block);
}

void TarWriter::directory(const std::string& name) { header(name, 0, 0755, '5'); }

void TarWriter::file(const std::string& name, std::string_view content, unsigned mode) {
  begin(name, content.size(), mode);
  write(content);
  end();
}

void TarWriter::begin(const std::string& name, std::uint64_t size, unsigned mode) {
  header(name, size, mode, '0');
  left_ = size;
  padding_ = (kBlock - size % kBlock) % kBlock;
}

void TarWriter::write(std::string_view bytes) {
  if (bytes.size() > left_) base::fail(base::Kind::Internal, "tar member longer than announced");
  left_ -= bytes.size();
  if (!bytes.empty()) sink_(bytes);
}

void TarWriter::end() {
  if (left_ > 0) base::fail(base::Kind::Internal, "tar member shorter than announced");
  if (padding_ > 0) sink_(std::string(padding_, '\0'));
}

void TarWriter::finish() { sink_(std::string(2 * kBlock, '\0')); }

}  // namespace wharf::image
