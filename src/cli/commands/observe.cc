// top and port: what runs in a container, and how it is reached.
#include "base/error.h"
#include "base/strings.h"
#include "cli/attached.h"
#include "cli/commands/all.h"
#include "cli/table.h"

namespace wharf::cli {
namespace {

constexpr Columns kTopColumns = {20, 3};

std::string row_of(const base::Json& cells) {
  std::vector<std::string> texts;
  for (const base::Json& each : cells.as_array())
    texts.emplace_back(std::string_view(each.as_string()));
  return base::join(texts, "\t") + "\n";
}

using Bindings = std::map<std::string, std::vector<std::string>>;

std::string address(const base::JsonObject& binding) {
  const std::string ip(base::text_at(binding, "HostIp"));
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" +
         std::string(base::text_at(binding, "HostPort"));
}

Bindings bindings_of(const base::Json& container) {
  Bindings out;
  const base::Json* settings = base::find(container.as_object(), "NetworkSettings");
  const base::Json* ports =
      settings && settings->is_object() ? base::find(settings->get_object(), "Ports") : nullptr;
  if (!ports || !ports->is_object()) return out;
  for (const auto& port : ports->get_object()) {
    if (!port.value().is_array()) continue;
    for (const base::Json& each : port.value().get_array()) {
      out[std::string(port.key())].push_back(address(each.as_object()));
    }
  }
  return out;
}

/// "80/tcp" before "443/tcp": by number, then protocol.
bool port_less(const std::string& a, const std::string& b) {
  const auto key = [](const std::string& text) {
    return std::pair(std::atoi(text.c_str()), text.substr(text.find('/') + 1));
  };
  return key(a) < key(b);
}

}  // namespace

int top_command(Invocation& call) {
  FlagSet flags(FlagSet::Stop::AtFirstArgument);
  call.parse(flags, {.least = 1});
  Query query;
  const std::vector<std::string> options(call.arguments().begin() + 1, call.arguments().end());
  if (!options.empty()) query.emplace_back("ps_args", base::join(options, " "));
  const base::Json answer =
      call.daemon().json({.path = id_path(call.arguments()[0]) + "/top", .query = query});
  std::string text = row_of(answer.at("Titles"));
  for (const base::Json& each : answer.at("Processes").as_array()) text += row_of(each);
  call.out(aligned(text, kTopColumns));
  return 0;
}

int port_command(Invocation& call) {
  FlagSet flags;
  call.parse(flags, {.least = 1, .most = 2});
  const std::string& name = call.arguments()[0];
  const Bindings bindings = bindings_of(call.daemon().json({.path = id_path(name) + "/json"}));
  if (call.arguments().size() == 1) {
    std::vector<std::string> ports;
    for (const auto& each : bindings) ports.push_back(each.first);
    std::sort(ports.begin(), ports.end(), port_less);
    for (const std::string& port : ports) {
      for (const std::string& each : bindings.at(port)) call.out(port + " -> " + each + "\n");
    }
    return 0;
  }
  const std::string& asked = call.arguments()[1];
  const std::size_t slash = asked.find('/');
  const std::string protocol = slash == std::string::npos ? "tcp" : asked.substr(slash + 1);
  std::uint64_t number = 0;
  try {
    number = parse_unsigned(asked.substr(0, slash), 16);
  } catch (const UsageError& wrong) {
    throw Exit(1,
               fmt::format("Error: invalid port ({}): {}", asked.substr(0, slash), wrong.what()));
  }
  const auto found = bindings.find(fmt::format("{}/{}", number, protocol));
  if (found == bindings.end()) {
    throw Exit(1, fmt::format("Error: No public port '{}' published for {}", asked, name));
  }
  for (const std::string& each : found->second) call.out(each + "\n");
  return 0;
}

}  // namespace wharf::cli
