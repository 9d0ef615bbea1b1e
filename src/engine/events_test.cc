#include "engine/events.h"

#include <gtest/gtest.h>

#include <thread>

namespace wharf::engine {
namespace {

base::Event numbered(int number) {
  return {"container", std::to_string(number), "id", {}, {number * std::int64_t{1'000'000'000}}};
}

TEST(Events, ReachEveryListener) {
  Events events;
  const auto one = events.subscribe({}, {});
  const auto two = events.subscribe({}, {});
  events.publish(numbered(1));
  EXPECT_EQ(one->next({}, {})->action, "1");
  EXPECT_EQ(two->next({}, {})->action, "1");
}

TEST(Events, KeepTheLast256ForThoseWhoAskForThePast) {
  Events events;
  for (int i = 1; i <= 300; ++i) events.publish(numbered(i));
  EXPECT_TRUE(events.subscribe({}, {})->take_past().empty());
  const auto all = events.subscribe(base::Time{0}, {})->take_past();
  ASSERT_EQ(all.size(), 256u);
  EXPECT_EQ(all.front()->action, "45");
  const auto some =
      events.subscribe(base::Time{299'000'000'000}, base::Time{299'000'000'000})->take_past();
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some.front()->action, "299");
}

TEST(Events, DropAListenerThatIsTooSlowAndNobodyElse) {
  Events events;
  const auto slow = events.subscribe({}, {});
  for (std::size_t i = 0; i < kEventsQueued + 10; ++i) events.publish(numbered(1));
  const auto later = events.subscribe({}, {});
  EXPECT_EQ(events.subscribers(), 1u);
  std::size_t got = 0;
  while (slow->next({}, {})) ++got;
  EXPECT_EQ(got, kEventsQueued);
  EXPECT_TRUE(slow->dropped());
  EXPECT_FALSE(later->dropped());
}

TEST(Events, StopWaitingAtTheDeadlineAndWhenAsked) {
  Events events;
  const auto listener = events.subscribe({}, {});
  EXPECT_EQ(listener->next({}, base::Time{base::now().unix_ns + 10'000'000}), nullptr);
  std::stop_source stop;
  std::jthread asker([&] { stop.request_stop(); });
  EXPECT_EQ(listener->next(stop.get_token(), {}), nullptr);
}

}  // namespace
}  // namespace wharf::engine
