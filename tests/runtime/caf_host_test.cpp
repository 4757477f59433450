// The host on threads: order, and what happens around a turn.
#include "actors/hosts/caf/caf_host.hpp"

#include <array>
#include <atomic>
#include <thread>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

constexpr std::uint64_t kEvents = 20'000;  // of each sender
constexpr Address kReceiver = 9;

/// Counts what comes from each sender; the edge of a grant names the sender, its items the place.
class Receiver final : public Actor {
 public:
  void handle(std::span<Event> events) override {
    overlaps += busy_.exchange(true);  // one turn at a time
    for (const Event& event : events) {
      const auto& grant = std::get<Grant>(event);
      out_of_order += grant.items != next_.at(grant.edge);
      next_.at(grant.edge) = grant.items + 1;
      ++received;
    }
    busy_ = false;
  }
  std::atomic<std::uint64_t> received{0}, out_of_order{0}, overlaps{0};

 private:
  std::array<std::uint64_t, 4> next_{};
  std::atomic<bool> busy_{false};
};

/// Sends a few in each of its turns, and gives itself the next turn.
class Sender final : public Actor {
 public:
  Sender(Host& host, Address self) : host_(host), self_(self) {}
  void handle(std::span<Event> events) override {
    for (std::size_t i = 0; i < events.size(); ++i) {
      for (int k = 0; k < 37 && sent_ < kEvents; ++k)
        host_.post(self_, kReceiver, Grant{self_, sent_++, 0});
      if (sent_ < kEvents) host_.post(self_, self_, Tick{});
    }
  }

 private:
  Host& host_;
  Address self_;
  std::uint64_t sent_ = 0;
};

}  // namespace

TEST_CASE("events_of_every_sender_keep_their_order_on_threads_and_none_is_lost") {
  Receiver receiver;
  hosts::CafHost host(2);
  Sender first(host, 0), second(host, 1);
  host.adopt(0, first);
  host.adopt(1, second);
  host.adopt(kReceiver, receiver);
  host.post(0, 0, Tick{});
  host.post(1, 1, Tick{});
  // Engines post from threads of their own, one of them in the name of an actor.
  std::thread engine([&] {
    for (std::uint64_t i = 0; i < kEvents; ++i) host.post(kReceiver, kReceiver, Grant{2, i, 0});
  });
  std::thread other([&] {
    for (std::uint64_t i = 0; i < kEvents; ++i) host.post(77, kReceiver, Grant{3, i, 0});
  });
  engine.join();
  other.join();
  const TimePoint until = host.clock().now() + std::chrono::seconds(60);
  while (receiver.received < 4 * kEvents && host.clock().now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  host.stop();
  CHECK(receiver.received == 4 * kEvents);
  CHECK(receiver.out_of_order == 0);
  CHECK(receiver.overlaps == 0);
}

TEST_CASE("a_delayed_event_comes_no_sooner_than_asked_and_stop_waits_for_nobody_s_timer") {
  class Once final : public Actor {
   public:
    explicit Once(const Clock& clock) : clock_(clock) {}
    void handle(std::span<Event>) override { came_at = clock_.now().count(); }
    std::atomic<std::int64_t> came_at{0};

   private:
    const Clock& clock_;
  };
  hosts::CafHost host(2);
  Once once(host.clock());
  host.adopt(0, once);
  const TimePoint asked = host.clock().now();
  host.post_after(std::chrono::milliseconds(20), 0, Tick{});
  host.post_after(std::chrono::hours(1), 0, Tick{});
  while (once.came_at == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(Duration(once.came_at.load()) - Duration(asked) >= std::chrono::milliseconds(20));
  host.stop();
  CHECK(host.clock().now() - asked < std::chrono::minutes(1));
}
