// Entries of the "local" driver: protocol buffers of a few fields.
#include <cstdint>

#include "logs/line.h"

namespace wharf::logs {

namespace {

/// Reads one message, field by field.
class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}

  /// The next field's number, or 0 at the end and for what is damaged.
  std::uint64_t next() {
    std::uint64_t tag = 0;
    if (bytes_.empty() || !(good_ = varint(tag))) return 0;
    switch (tag & 7) {
      case 0:
        good_ = varint(number);
        break;
      case 1:
        good_ = skip(8);
        break;
      case 2:
        good_ = varint(number) && take(number);
        break;
      case 5:
        good_ = skip(4);
        break;
      default:
        good_ = false;
    }
    return good_ ? tag >> 3 : 0;
  }

  bool good() const { return good_; }

  std::uint64_t number = 0;  ///< Of the field.
  std::string_view text;

 private:
  bool varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool take(std::uint64_t size) {
    if (size > bytes_.size()) return false;
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }

  bool skip(std::size_t size) {
    if (size > bytes_.size()) return false;
    bytes_.remove_prefix(size);
    return true;
  }

  std::string_view bytes_;
  bool good_ = true;
};

bool is_last(std::string_view metadata) {
  Message message(metadata);
  bool last = false;
  while (const std::uint64_t field = message.next()) {
    if (field == 1) last = message.number != 0;
  }
  return last;
}

bool decode_local(std::string_view record, Line& line) {
  line.text.clear();
  line.stream.clear();
  line.attributes.clear();
  line.time = {0};
  Message message(record);
  bool partial = false;
  bool last = false;
  while (const std::uint64_t field = message.next()) {
    if (field == 1) line.stream = message.text;
    if (field == 2) line.time = {static_cast<std::int64_t>(message.number)};
    if (field == 3) line.text = message.text;
    if (field == 4) partial = message.number != 0;
    if (field == 5) last = is_last(message.text);
  }
  // Docker: the line feed is not kept; what is no piece, or the last one, had one.
  if (!partial || last) line.text += '\n';
  return message.good() && !line.stream.empty();
}

}  // namespace

bool decode(std::string_view record, Format format, Line& line) {
  return format == Format::Local ? decode_local(record, line) : decode(record, line);
}

}  // namespace wharf::logs
