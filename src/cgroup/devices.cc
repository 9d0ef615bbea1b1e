// Which devices a container may open: v1 by the devices controller's files, v2 by a program
// that the kernel runs at each open. Both begin with "none" (A20).
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup/limits.h"
#include "os/fault.h"

namespace wharf::cgroup {
namespace {

bool is_everything(const oci::DeviceRule& rule) {
  return rule.type == 'a' && rule.major < 0 && rule.minor < 0;
}

bool decides_all(const oci::DeviceRule& rule) {
  return is_everything(rule) && rule.read && rule.write && rule.make;
}

void put_number(base::Writer& into, std::int64_t number) {
  if (number < 0)
    into.put('*');
  else
    into.put(number);
}

/// devices.allow and devices.deny, opened once for all rules.
class RuleFiles {
 public:
  explicit RuleFiles(int directory)
      : allow_(WHARF_CALL(openat, directory, "devices.allow", O_WRONLY | O_CLOEXEC)),
        deny_(WHARF_CALL(openat, directory, "devices.deny", O_WRONLY | O_CLOEXEC)) {}
  ~RuleFiles() {
    if (allow_ >= 0) ::close(allow_);
    if (deny_ >= 0) ::close(deny_);
  }
  RuleFiles(const RuleFiles&) = delete;
  RuleFiles& operator=(const RuleFiles&) = delete;

  bool write(bool allow, std::string_view line, Failure& failure) const {
    const int fd = allow ? allow_ : deny_;
    const bool fine = fd >= 0 && WHARF_CALL(write, fd, line.data(), line.size()) >= 0;
    return fine || failure.because_of_errno("cgroup: write \"", line, "\" to devices.",
                                            allow ? "allow" : "deny");
  }

 private:
  int allow_;
  int deny_;
};

bool write_rule(const RuleFiles& files, const oci::DeviceRule& rule, Failure& failure) {
  base::Text<63> line(rule.type, " ");
  put_number(line, rule.major);
  line.put(":");
  put_number(line, rule.minor);
  line.put(" ", rule.read ? "r" : "", rule.write ? "w" : "", rule.make ? "m" : "");
  return files.write(rule.allow, line.view(), failure);
}

bool ends_open(std::span<const oci::DeviceRule> rules) {
  bool open = false;
  for (const oci::DeviceRule& rule : rules) {
    if (is_everything(rule)) open = rule.allow;
  }
  return open;
}

constexpr std::size_t kMaxInstructions = 4096;

/// Builds the program: rules from the last to the first, the first that fits decides.
class Program {
 public:
  bool build(std::span<const oci::DeviceRule> rules) {
    // r2 = kind, r3 = access, r4 = major, r5 = minor; ctx: access_type, major, minor.
    load(BPF_REG_2, 0);
    add({BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff});
    load(BPF_REG_3, 0);
    add({BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16});
    load(BPF_REG_4, 4);
    load(BPF_REG_5, 8);
    const auto defaults = default_devices();
    for (std::size_t i = defaults.size(); i > 0; --i) rule(defaults[i - 1]);
    for (std::size_t i = rules.size(); i > 0; --i) {
      rule(rules[i - 1]);
      // It decides all: the kernel refuses a program with instructions after it.
      if (decides_all(rules[i - 1])) return !full_;
    }
    verdict(false);
    return !full_;
  }
  const bpf_insn* instructions() const { return instructions_; }
  std::size_t size() const { return size_; }

 private:
  void add(const bpf_insn& instruction) {
    full_ = full_ || size_ == kMaxInstructions;
    if (!full_) instructions_[size_++] = instruction;
  }
  void load(unsigned char into, short offset) {
    add({BPF_LDX | BPF_MEM | BPF_W, static_cast<unsigned char>(into & 15), BPF_REG_1 & 15, offset,
         0});
  }
  void verdict(bool allow) {
    add({BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow ? 1 : 0});
    add({BPF_JMP | BPF_EXIT, 0, 0, 0, 0});
  }
  /// Jumps to the next rule where the register differs.
  void unless_equal(unsigned char reg, std::int64_t value) {
    add({BPF_JMP | BPF_JNE | BPF_K, static_cast<unsigned char>(reg & 15), 0, 0,
         static_cast<int>(value)});
  }
  void rule(const oci::DeviceRule& one) {
    const std::size_t start = size_;
    if (one.type != 'a') {
      unless_equal(BPF_REG_2, one.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    }
    const int access = (one.make ? BPF_DEVCG_ACC_MKNOD : 0) | (one.read ? BPF_DEVCG_ACC_READ : 0) |
                       (one.write ? BPF_DEVCG_ACC_WRITE : 0);
    constexpr int kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
    if (access != kAll) {
      add({BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0});
      // Allowing needs all that is asked to be in the rule; denying, any of it.
      add({BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, one.allow ? ~access : access});
      if (one.allow)
        unless_equal(BPF_REG_1, 0);
      else
        add({BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0});
    }
    if (one.major >= 0) unless_equal(BPF_REG_4, one.major);
    if (one.minor >= 0) unless_equal(BPF_REG_5, one.minor);
    verdict(one.allow);
    for (std::size_t i = start; i < size_; ++i) {
      const unsigned char code = instructions_[i].code;
      const bool jump = code == (BPF_JMP | BPF_JNE | BPF_K) || code == (BPF_JMP | BPF_JEQ | BPF_K);
      if (jump) instructions_[i].off = static_cast<short>(size_ - i - 1);
    }
  }

  bpf_insn instructions_[kMaxInstructions];
  std::size_t size_ = 0;
  bool full_ = false;
};

int bpf(int command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

int load_program(const Program& program) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<std::uint64_t>(program.instructions());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.license = reinterpret_cast<std::uint64_t>("GPL");
  return bpf(BPF_PROG_LOAD, attributes);
}

constexpr std::uint32_t kMaxAttached = 16;

/// The programs that were attached before; ours takes their place.
std::uint32_t attached(int directory, std::uint32_t (&ids)[kMaxAttached]) {
  bpf_attr query{};
  query.query.target_fd = static_cast<std::uint32_t>(directory);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<std::uint64_t>(ids);
  query.query.prog_cnt = kMaxAttached;
  return bpf(BPF_PROG_QUERY, query) == 0 ? query.query.prog_cnt : 0;
}

void detach(int directory, std::uint32_t id) {
  bpf_attr find{};
  find.prog_id = id;
  const int program = bpf(BPF_PROG_GET_FD_BY_ID, find);
  if (program < 0) return;
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(directory);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  (void)bpf(BPF_PROG_DETACH, attributes);
  ::close(program);
}

}  // namespace

bool allow_devices_v1(int directory, std::span<const oci::DeviceRule> rules, Failure& failure) {
  if (directory < 0) return failure.because("cgroup: no devices controller");
  const RuleFiles files(directory);
  if (!files.write(false, "a", failure)) return false;
  for (const oci::DeviceRule& rule : rules) {
    if (!rule.allow && is_everything(rule) && &rule == rules.data()) continue;
    if (!write_rule(files, rule, failure)) return false;
  }
  if (ends_open(rules)) return true;
  for (const oci::DeviceRule& rule : default_devices()) {
    if (!write_rule(files, rule, failure)) return false;
  }
  return true;
}

bool allow_devices_v2(int directory, std::span<const oci::DeviceRule> rules, Failure& failure) {
  Program program;
  if (!program.build(rules)) return failure.because("cgroup: too many device rules");
  const int loaded = load_program(program);
  if (loaded < 0) return failure.because_of_errno("cgroup: load the device program");
  std::uint32_t before[kMaxAttached];
  const std::uint32_t count = attached(directory, before);
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(directory);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(loaded);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  // Several programs must all agree: while both are attached, the stricter one holds.
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  const bool fine = bpf(BPF_PROG_ATTACH, attributes) == 0;
  if (!fine) (void)failure.because_of_errno("cgroup: attach the device program");
  ::close(loaded);
  for (std::uint32_t i = 0; fine && i < count; ++i) detach(directory, before[i]);
  return fine;
}

}  // namespace wharf::cgroup
