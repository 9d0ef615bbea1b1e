// What a join costs, and that it does not grow. Figures are printed; the bound that fails is wide.
#include <gtest/gtest.h>
#include <time.h>

#include "base/time.h"
#include "network/netlab_test.h"

namespace wharf::network {
namespace {

using lab::Daemon;
using lab::in_new_world;
using lab::on_bridge;

/// Processor time of this thread, as other work on the machine does not count in it.
std::int64_t thread_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// Medians of wall and processor time in microseconds.
struct Cost {
  double wall = 0;
  double processor = 0;
};

double median_us(std::vector<std::int64_t>& samples) {
  std::sort(samples.begin(), samples.end());
  return static_cast<double>(samples[samples.size() / 2]) / 1000;
}

Cost cost_of(int rounds, const std::function<void()>& prepare,
             const std::function<void()>& measured) {
  std::vector<std::int64_t> wall, processor;
  for (int i = 0; i < rounds; ++i) {
    prepare();
    const std::int64_t begin = base::monotonic_ns(), spent = thread_ns();
    measured();
    wall.push_back(base::monotonic_ns() - begin);
    processor.push_back(thread_ns() - spent);
  }
  return {median_us(wall), median_us(processor)};
}

TEST(Cost, OfAJoinStaysTheSameWithAThousandPublishedPorts) {
  in_new_world([] {
    Settings settings;
    settings.pooled_namespaces = 16;
    Daemon daemon(settings);
    std::vector<Sandbox> held;
    int number = 0;
    const auto wait_for_pool = [] { ::usleep(20'000); };
    const auto join = [&] {
      JoinRequest request = on_bridge("c" + std::to_string(number++));
      request.published = lab::publish("80", "127.0.0.1", "");
      held.push_back(daemon.networks->join(request));
    };
    const Cost bare = cost_of(20, wait_for_pool, [&] {
      held.push_back(daemon.networks->join(on_bridge("bare" + std::to_string(number++))));
    });
    const Cost first = cost_of(20, wait_for_pool, join);

    JoinRequest many = on_bridge("many");
    for (std::uint16_t port = 1; port <= 1000; ++port) {
      many.published[Port{port, Protocol::Tcp}] = {PortBinding{"127.0.0.1", ""}};
    }
    const Cost thousand =
        cost_of(1, wait_for_pool, [&] { held.push_back(daemon.networks->join(many)); });
    const Cost after = cost_of(20, wait_for_pool, join);
    const Cost leave = cost_of(20, wait_for_pool, [&] { held.erase(held.begin()); });
    const auto show = [](const char* what, const Cost& cost) {
      fmt::print("{:<32} {:>8.0f} us wall {:>8.0f} us of this thread\n", what, cost.wall,
                 cost.processor);
    };
    show("join", bare);
    show("join, one port", first);
    show("join, one port, beside 1,000", after);
    show("join, 1,000 ports", thousand);
    show("leave", leave);
    EXPECT_LT(after.processor, 3 * first.processor);
  });
}

}  // namespace
}  // namespace wharf::network
