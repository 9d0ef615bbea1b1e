#include "base/jobs.h"

#include <gtest/gtest.h>

#include <future>

namespace wharf::base {
namespace {

/// Runs one more job where it is destroyed, as the end of a container may.
struct RunsAtItsEnd {
  Jobs& jobs;
  std::promise<void>& ran;
  ~RunsAtItsEnd() {
    jobs.run([&ran = ran] { ran.set_value(); });
  }
};

TEST(Jobs, GiveBackWhatAJobHeldWithoutALock) {
  std::promise<void> ran;
  Jobs jobs;
  jobs.run([held = std::make_shared<RunsAtItsEnd>(jobs, ran)] {});
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(Jobs, ThatAreStuckDelayNoOther) {
  std::promise<void> go;
  std::promise<void> ran;
  Jobs jobs;
  jobs.run([&] { go.get_future().wait(); });
  jobs.run([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  go.set_value();
}

TEST(Jobs, WhatOneThrowsEndsNoOther) {
  std::promise<void> ran;
  Jobs jobs;
  jobs.run([] { throw std::runtime_error("a job that fails"); });
  jobs.run_after(std::chrono::milliseconds(1), [&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(Jobs, NotDueYetAreDroppedAtTheEnd) {
  bool ran = false;
  {
    Jobs jobs;
    jobs.run_after(std::chrono::hours(1), [&] { ran = true; });
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace wharf::base
