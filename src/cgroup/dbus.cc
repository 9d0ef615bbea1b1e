#include "cgroup/dbus.h"

#include <bit>
#include <cstring>

namespace wharf::cgroup::dbus {
namespace {

constexpr char kOrder = std::endian::native == std::endian::little ? 'l' : 'B';
constexpr std::uint8_t kProtocol = 1;

// Codes of the header's fields.
constexpr std::uint8_t kPath = 1;
constexpr std::uint8_t kInterface = 2;
constexpr std::uint8_t kMember = 3;
constexpr std::uint8_t kErrorName = 4;
constexpr std::uint8_t kReplySerial = 5;
constexpr std::uint8_t kDestination = 6;
constexpr std::uint8_t kSignature = 8;

constexpr std::size_t aligned(std::size_t at, std::size_t alignment) {
  return (at + alignment - 1) & ~(alignment - 1);
}

}  // namespace

void Marshal::put(const void* bytes, std::size_t count) {
  full_ = full_ || count > memory_.size() - size_;
  if (full_) return;
  std::memcpy(memory_.data() + size_, bytes, count);
  size_ += count;
}

void Marshal::put_at(std::size_t where, std::uint32_t value) {
  if (!full_) std::memcpy(memory_.data() + where, &value, sizeof value);
}

void Marshal::align(std::size_t alignment) {
  constexpr char kZeros[8] = {};
  put(kZeros, aligned(size_, alignment) - size_);
}

void Marshal::byte(std::uint8_t value) {
  put(&value, 1);
}

void Marshal::number(std::uint32_t value) {
  align(sizeof value);
  put(&value, sizeof value);
}

void Marshal::number(std::uint64_t value) {
  align(sizeof value);
  put(&value, sizeof value);
}

void Marshal::text(std::string_view value) {
  number(static_cast<std::uint32_t>(value.size()));
  put(value.data(), value.size());
  byte(0);
}

void Marshal::signature(std::string_view value) {
  byte(static_cast<std::uint8_t>(value.size()));
  put(value.data(), value.size());
  byte(0);
}

Marshal::Array Marshal::open_array(std::size_t element_alignment) {
  align(4);
  const std::size_t length_at = size_;
  number(std::uint32_t{0});
  // The padding before the first element is not counted.
  align(element_alignment);
  return {length_at, size_};
}

void Marshal::close_array(Array array) {
  put_at(array.length_at, static_cast<std::uint32_t>(size_ - array.first));
}

void Marshal::field(std::uint8_t code, std::string_view type, std::string_view value) {
  align(8);
  byte(code);
  signature(type);
  if (type == "g")
    signature(value);
  else
    text(value);
}

void Marshal::begin(const Method& method, std::uint32_t serial) {
  size_ = 0;
  full_ = false;
  byte(static_cast<std::uint8_t>(kOrder));
  byte(static_cast<std::uint8_t>(Type::Call));
  byte(0);  // flags: an answer is wanted
  byte(kProtocol);
  number(std::uint32_t{0});
  number(serial);
  const Array fields = open_array(8);
  field(kPath, "o", method.path);
  field(kInterface, "s", method.interface);
  field(kMember, "s", method.member);
  field(kDestination, "s", method.destination);
  if (!method.signature.empty()) field(kSignature, "g", method.signature);
  close_array(fields);
  align(8);
  body_ = size_;
}

bool Marshal::finish() {
  constexpr std::size_t kBodyLengthAt = 4;
  put_at(kBodyLengthAt, static_cast<std::uint32_t>(size_ - body_));
  return !full_;
}

std::string_view Unmarshal::take(std::size_t count) {
  good_ = good_ && count <= bytes_.size() - at_;
  if (!good_) return {};
  const std::string_view taken = bytes_.substr(at_, count);
  at_ += count;
  return taken;
}

void Unmarshal::align(std::size_t alignment) {
  take(aligned(at_, alignment) - at_);
}

std::uint8_t Unmarshal::byte() {
  const std::string_view bytes = take(1);
  return bytes.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes[0]);
}

std::uint32_t Unmarshal::number() {
  align(sizeof(std::uint32_t));
  std::uint32_t value = 0;
  const std::string_view bytes = take(sizeof value);
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string_view Unmarshal::text() {
  const std::string_view value = take(number());
  take(1);
  return good_ ? value : std::string_view();
}

std::string_view Unmarshal::signature() {
  const std::string_view value = take(byte());
  take(1);
  return good_ ? value : std::string_view();
}

void Unmarshal::skip(char type) {
  switch (type) {
    case 'y':
      return void(take(1));
    case 'n':
    case 'q':
      align(2);
      return void(take(2));
    case 'b':
    case 'i':
    case 'u':
    case 'h':
      return void(number());
    case 'x':
    case 't':
    case 'd':
      align(8);
      return void(take(8));
    case 's':
    case 'o':
      return void(text());
    case 'g':
      return void(signature());
    default:
      good_ = false;
  }
}

std::size_t message_size(std::string_view head) {
  constexpr std::size_t kFieldsAt = 12;
  if (head.size() < kHeadBytes || head[0] != kOrder || head[3] != kProtocol) return 0;
  std::uint32_t body = 0;
  std::uint32_t fields = 0;
  std::memcpy(&body, head.data() + 4, sizeof body);
  std::memcpy(&fields, head.data() + kFieldsAt, sizeof fields);
  const std::size_t whole = aligned(kHeadBytes + std::size_t{fields}, 8) + body;
  return whole <= kMaxMessageBytes ? whole : 0;
}

namespace {

void read_field(Unmarshal& reader, Message& message) {
  reader.align(8);
  const std::uint8_t code = reader.byte();
  const std::string_view type = reader.signature();
  if (code == kReplySerial && type == "u") {
    message.reply_serial = reader.number();
  } else if (code == kSignature && type == "g") {
    message.signature = reader.signature();
  } else if (type == "s" && code == kInterface) {
    message.interface = reader.text();
  } else if (type == "s" && code == kMember) {
    message.member = reader.text();
  } else if (type == "s" && code == kErrorName) {
    message.error_name = reader.text();
  } else {
    reader.skip(type.size() == 1 ? type[0] : '\0');
  }
}

}  // namespace

bool parse_message(std::string_view bytes, Message& message) {
  if (message_size(bytes) != bytes.size()) return false;
  message = {};
  message.type = static_cast<Type>(bytes[1]);
  Unmarshal reader(bytes);
  constexpr std::size_t kBeforeFields = 12;
  for (std::size_t i = 0; i < kBeforeFields; ++i) reader.byte();
  const std::size_t fields = reader.number();
  const std::size_t end = kHeadBytes + fields;
  while (reader.good() && reader.at() < end) read_field(reader, message);
  if (!reader.good() || reader.at() != end) return false;
  message.body = bytes.substr(aligned(end, 8));
  return true;
}

}  // namespace wharf::cgroup::dbus
