// linux.resources of config.json.
#include "oci/spec_reader.h"

namespace wharf::oci {

using base::JsonNode;

namespace {

void read_device_rule(SpecReader& reader, const JsonNode& node, DeviceRule& into) {
  std::string_view type = "a";
  std::string_view access;
  if (!node["allow"].present()) return reader.wrong("linux.resources.devices.allow", "given");
  reader.read(node, "allow", into.allow);
  reader.read(node, "type", type);
  reader.read(node, "access", access);
  OptionalInt number;
  reader.read(node, "major", number);
  into.major = number.value_or(-1);
  number.reset();
  reader.read(node, "minor", number);
  into.minor = number.value_or(-1);
  if (type.empty()) type = "a";
  if (type != "a" && type != "b" && type != "c") {
    return reader.refuse("linux.resources.devices.type", type, "is no kind of device");
  }
  into.type = type[0];
  for (const char letter : access) {
    if (letter == 'r')
      into.read = true;
    else if (letter == 'w')
      into.write = true;
    else if (letter == 'm')
      into.make = true;
    else
      return reader.refuse("linux.resources.devices.access", access, "is not of r, w, m");
  }
  if (access.empty()) into.read = into.write = into.make = true;
}

void read_memory(SpecReader& reader, const JsonNode& node, Memory& into) {
  reader.read(node, "limit", into.limit);
  reader.read(node, "reservation", into.reservation);
  reader.read(node, "swap", into.swap);
  reader.read(node, "kernel", into.kernel);
  reader.read(node, "kernelTCP", into.kernel_tcp);
  reader.read(node, "swappiness", into.swappiness);
  reader.read(node, "disableOOMKiller", into.disable_oom_killer);
  reader.read(node, "useHierarchy", into.use_hierarchy);
  reader.read(node, "checkBeforeUpdate", into.check_before_update);
}

void read_cpu(SpecReader& reader, const JsonNode& node, Cpu& into) {
  reader.read(node, "shares", into.shares);
  reader.read(node, "quota", into.quota);
  reader.read(node, "burst", into.burst);
  reader.read(node, "period", into.period);
  reader.read(node, "realtimeRuntime", into.realtime_runtime);
  reader.read(node, "realtimePeriod", into.realtime_period);
  reader.read(node, "idle", into.idle);
  reader.read(node, "cpus", into.cpus);
  reader.read(node, "mems", into.mems);
}

void read_block_io(SpecReader& reader, const JsonNode& node, BlockIo& into) {
  reader.read(node, "weight", into.weight);
  reader.read(node, "leafWeight", into.leaf_weight);
  reader.read(node, "weightDevice", into.weight_devices,
              [&](const JsonNode& each, WeightDevice& device) {
                reader.read(each, "major", device.major);
                reader.read(each, "minor", device.minor);
                reader.read(each, "weight", device.weight);
                reader.read(each, "leafWeight", device.leaf_weight);
              });
  const auto throttle = [&](const JsonNode& each, ThrottleDevice& device) {
    reader.read(each, "major", device.major);
    reader.read(each, "minor", device.minor);
    reader.read(each, "rate", device.rate);
  };
  reader.read(node, "throttleReadBpsDevice", into.read_bps, throttle);
  reader.read(node, "throttleWriteBpsDevice", into.write_bps, throttle);
  reader.read(node, "throttleReadIOPSDevice", into.read_iops, throttle);
  reader.read(node, "throttleWriteIOPSDevice", into.write_iops, throttle);
}

void read_rdma(SpecReader& reader, const JsonNode& node, Resources& into) {
  if (node.count == 0) return;
  into.rdma = reader.make<RdmaLimit>(node.count);
  std::size_t index = 0;
  for (const JsonNode& device : node) {
    if (index >= into.rdma.size()) return;
    RdmaLimit& limit = into.rdma[index++];
    limit.device = device.key;
    reader.read(device, "hcaHandles", limit.handles);
    reader.read(device, "hcaObjects", limit.objects);
    if (!limit.handles && !limit.objects) {
      reader.refuse("linux.resources.rdma", device.key, "has neither hcaHandles nor hcaObjects");
    }
  }
}

void read_unified(SpecReader& reader, const JsonNode& node, Resources& into) {
  if (node.count == 0) return;
  into.unified = reader.make<UnifiedSetting>(node.count);
  std::size_t index = 0;
  for (const JsonNode& setting : node) {
    // A name and never a path: the file lies in the container's own directory (A09).
    if (setting.key.find('/') != std::string_view::npos || setting.key.empty()) {
      return reader.refuse("linux.resources.unified", setting.key, "is no file name");
    }
    if (index >= into.unified.size()) return;
    into.unified[index++] = {setting.key, reader.string(setting, "linux.resources.unified")};
  }
}

}  // namespace

void read_resources(SpecReader& reader, const JsonNode& node, Resources& resources) {
  reader.read(node, "devices", resources.devices, [&](const JsonNode& each, DeviceRule& into) {
    read_device_rule(reader, each, into);
  });
  read_memory(reader, reader.object(node, "memory"), resources.memory);
  read_cpu(reader, reader.object(node, "cpu"), resources.cpu);
  reader.read(reader.object(node, "pids"), "limit", resources.pids);
  read_block_io(reader, reader.object(node, "blockIO"), resources.block_io);
  reader.read(node, "hugepageLimits", resources.hugepages,
              [&](const JsonNode& each, HugepageLimit& into) {
                reader.read(each, "pageSize", into.page_size);
                reader.read(each, "limit", into.limit);
              });
  read_rdma(reader, reader.object(node, "rdma"), resources);
  const JsonNode& network = reader.object(node, "network");
  reader.read(network, "classID", resources.network_class);
  reader.read(network, "priorities", resources.network_priorities,
              [&](const JsonNode& each, InterfacePriority& into) {
                reader.read(each, "name", into.name);
                reader.read(each, "priority", into.priority);
              });
  read_unified(reader, reader.object(node, "unified"), resources);
}

}  // namespace wharf::oci
