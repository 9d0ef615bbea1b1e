// What a join costs, and that it does not grow. Figures are printed; the bounds that fail are wide,
// since the machine is shared: minima count.
#include <gtest/gtest.h>

#include "base/time.h"
#include "network/netlab_test.h"

namespace wharf::network {
namespace {

using lab::Daemon;
using lab::in_new_world;
using lab::on_bridge;

double minimum_us(int rounds, const std::function<void(int)>& prepare,
                  const std::function<void(int)>& measured) {
  std::int64_t best = INT64_MAX;
  for (int i = 0; i < rounds; ++i) {
    prepare(i);
    const std::int64_t begin = base::monotonic_ns();
    measured(i);
    best = std::min(best, base::monotonic_ns() - begin);
  }
  return static_cast<double>(best) / 1000;
}

TEST(Cost, OfAJoinStaysTheSameWithAThousandPublishedPorts) {
  in_new_world([] {
    Settings settings;
    settings.pooled_namespaces = 16;
    Daemon daemon(settings);
    std::vector<Sandbox> held;
    int number = 0;
    const auto wait_for_pool = [](int) { ::usleep(20'000); };
    const auto join = [&](int) {
      JoinRequest request = on_bridge("c" + std::to_string(number++));
      request.published = lab::publish("80", "127.0.0.1", "");
      held.push_back(daemon.networks->join(request));
    };
    const double bare = minimum_us(10, wait_for_pool, [&](int) {
      held.push_back(daemon.networks->join(on_bridge("bare" + std::to_string(number++))));
    });
    const double first = minimum_us(10, wait_for_pool, join);

    JoinRequest many = on_bridge("many");
    for (std::uint16_t port = 1; port <= 1000; ++port) {
      many.published[Port{port, Protocol::Tcp}] = {PortBinding{"127.0.0.1", ""}};
    }
    const std::int64_t begin = base::monotonic_ns();
    held.push_back(daemon.networks->join(many));
    const double thousand = static_cast<double>(base::monotonic_ns() - begin) / 1000;
    const double after = minimum_us(10, wait_for_pool, join);
    const double leave = minimum_us(10, wait_for_pool, [&](int) { held.erase(held.begin()); });
    fmt::print(
        "join {:.0f} us, with a port {:.0f} us, beside 1,000 ports {:.0f} us; a container with "
        "1,000 ports {:.0f} us; leave {:.0f} us\n",
        bare, first, after, thousand, leave);
    EXPECT_LT(after, 3 * first);
  });
}

}  // namespace
}  // namespace wharf::network
