#include "api/stats.h"

#include "base/fields.h"

namespace wharf::base {

inline constexpr Omit kNoZero = Omit::Empty;

template <>
struct Fields<api::CpuUsage> {
  using T = api::CpuUsage;
  static constexpr auto table = std::make_tuple(
      field("total_usage", &T::total), field("percpu_usage", &T::per_cpu, kNoZero),
      field("usage_in_kernelmode", &T::kernel), field("usage_in_usermode", &T::user));
};

template <>
struct Fields<api::Throttling> {
  using T = api::Throttling;
  static constexpr auto table = std::make_tuple(field("periods", &T::periods),
                                                field("throttled_periods", &T::throttled_periods),
                                                field("throttled_time", &T::throttled_ns));
};

template <>
struct Fields<api::CpuStats> {
  using T = api::CpuStats;
  static constexpr auto table = std::make_tuple(
      field("cpu_usage", &T::usage), field("system_cpu_usage", &T::system, kNoZero),
      field("online_cpus", &T::online_cpus, kNoZero), field("throttling_data", &T::throttling));
};

template <>
struct Fields<api::MemoryStats> {
  using T = api::MemoryStats;
  static constexpr auto table = std::make_tuple(
      field("usage", &T::usage, kNoZero), field("max_usage", &T::max_usage, kNoZero),
      field("stats", &T::stats, kNoZero), field("failcnt", &T::failures, kNoZero),
      field("limit", &T::limit, kNoZero));
};

template <>
struct Fields<api::PidsStats> {
  using T = api::PidsStats;
  static constexpr auto table =
      std::make_tuple(field("current", &T::current, kNoZero), field("limit", &T::limit, kNoZero));
};

template <>
struct Fields<api::BlkioEntry> {
  using T = api::BlkioEntry;
  static constexpr auto table =
      std::make_tuple(field("major", &T::major), field("minor", &T::minor),
                      field("op", &T::operation), field("value", &T::value));
};

template <>
struct Fields<api::BlkioStats> {
  using T = api::BlkioStats;
  static constexpr auto table = std::make_tuple(
      field("io_service_bytes_recursive", &T::service_bytes),
      field("io_serviced_recursive", &T::serviced), field("io_queue_recursive", &T::queued),
      field("io_service_time_recursive", &T::service_time),
      field("io_wait_time_recursive", &T::wait_time), field("io_merged_recursive", &T::merged),
      field("io_time_recursive", &T::time), field("sectors_recursive", &T::sectors));
};

template <>
struct Fields<api::NetworkStats> {
  using T = api::NetworkStats;
  static constexpr auto table =
      std::make_tuple(field("rx_bytes", &T::rx_bytes), field("rx_packets", &T::rx_packets),
                      field("rx_errors", &T::rx_errors), field("rx_dropped", &T::rx_dropped),
                      field("tx_bytes", &T::tx_bytes), field("tx_packets", &T::tx_packets),
                      field("tx_errors", &T::tx_errors), field("tx_dropped", &T::tx_dropped));
};

template <>
struct Fields<api::PressureLine> {
  using T = api::PressureLine;
  static constexpr auto table =
      std::make_tuple(field("avg10", &T::avg10), field("avg60", &T::avg60),
                      field("avg300", &T::avg300), field("total", &T::total));
};

template <>
struct Fields<api::Pressure> {
  using T = api::Pressure;
  static constexpr auto table =
      std::make_tuple(field("some", &T::some), field("full", &T::full, kNoZero));
};

template <>
struct Fields<api::PressureStats> {
  using T = api::PressureStats;
  static constexpr auto table =
      std::make_tuple(field("cpu", &T::cpu, kNoZero), field("memory", &T::memory, kNoZero),
                      field("io", &T::io, kNoZero));
};

}  // namespace wharf::base

namespace wharf::api {

base::Json to_json(const ContainerStats& stats) {
  base::JsonObject json;
  json["id"] = stats.id;
  json["name"] = stats.name;
  json["os_type"] = stats.os_type;
  json["read"] = stats.read;
  json["cpu_stats"] = base::to_json(stats.cpu);
  json["memory_stats"] = base::to_json(stats.memory);
  if (!stats.networks.empty()) json["networks"] = base::to_json(stats.networks);
  json["pids_stats"] = base::to_json(stats.pids);
  json["blkio_stats"] = base::to_json(stats.blkio);
  // Docker: of Windows, but there.
  json["num_procs"] = 0;
  json["storage_stats"] = base::JsonObject();
  if (stats.pressure) json["pressure_stats"] = base::to_json(*stats.pressure);
  json["preread"] = stats.preread;
  json["precpu_stats"] = base::to_json(stats.precpu);
  return json;
}

}  // namespace wharf::api
