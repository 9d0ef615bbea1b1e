#include "base/stock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace wharf::base {
namespace {

/// Takes one as soon as there is one.
template <typename T>
std::optional<T> take_soon(Stock<T>& stock) {
  for (int i = 0; i < 2000; ++i) {
    if (auto taken = stock.take()) return taken;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return std::nullopt;
}

TEST(Stock, GivesWhatWasMadeInOrderAndIsFilledAgain) {
  int made = 0;
  Stock<int> stock(2, "numbers", [&] { return ++made; });
  for (int wanted = 1; wanted <= 6; ++wanted) EXPECT_EQ(take_soon(stock), wanted);
}

TEST(Stock, OfNothingMakesNothing) {
  Stock<int> stock(0, "numbers", []() -> int { throw std::logic_error("made"); });
  EXPECT_FALSE(stock.take());
}

TEST(Stock, MakesNoMoreThanItsSize) {
  std::atomic<int> made = 0;
  Stock<int> stock(3, "numbers", [&] { return ++made; });
  for (int i = 0; i < 1000 && made < 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_EQ(made, 3);
}

TEST(Stock, EndsAtOnceWhileItCannotMakeAnything) {
  const auto began = std::chrono::steady_clock::now();
  {
    Stock<int> stock(1, "numbers", []() -> int { throw std::runtime_error("no room"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(stock.take());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(500));
}

}  // namespace
}  // namespace wharf::base
