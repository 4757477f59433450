#include "actors/hosts/caf/caf_host.hpp"

#include <algorithm>
#include <atomic>
#include <caf/all.hpp>
#include <map>
#include <mutex>
#include <thread>

namespace troupe::hosts {
namespace {

/// Tells an actor that something is in its inbox. One for many events: what CAF costs (a message, a
/// turn in its scheduler, often the wake of a thread) is paid for each of these.
struct Wake {};

/// CAF copies messages when it must; the event inside is moved out once, by its receiver.
struct EventBox {
  std::shared_ptr<runtime::Event> event;
};

}  // namespace
}  // namespace troupe::hosts

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hosts::Wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hosts::EventBox)

namespace troupe::hosts {
namespace {

// Events that an actor handles before what it posted leaves: large enough that a wake is cheap,
// small enough that its neighbours are not kept waiting.
constexpr std::size_t kTurn = 64;

/// An actor with its inbox. What it posts in its own turn is kept in `leaving` until the turn ends,
/// so that each neighbour is woken once and gets it all.
class Post {
 public:
  explicit Post(runtime::Actor& actor) : actor_(actor) {}

  caf::actor handle;

  /// Any thread.
  void deliver(std::span<runtime::Event> events) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      inbox_.insert(inbox_.end(), std::make_move_iterator(events.begin()),
                    std::make_move_iterator(events.end()));
      wake = !std::exchange(woken_, true);
    }
    if (wake) caf::anon_send(handle, Wake{});
  }

  /// Whether the calling thread is in this actor's turn.
  bool in_turn() const {
    return turn_of_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  /// Any thread.
  bool is_handling() const { return turn_of_.load(std::memory_order_relaxed) != std::thread::id(); }
  /// In the actor's turn.
  void leave(Post& to, runtime::Event event) {
    auto it = std::find_if(leaving_.begin(), leaving_.end(),
                           [&](const Leaving& group) { return group.to == &to; });
    if (it == leaving_.end()) it = leaving_.insert(it, {&to, {}});
    it->events.push_back(std::move(event));
  }

  /// What came since the last turn.
  void take_turn() {
    {
      const std::lock_guard lock(mutex_);
      turn_.swap(inbox_);
    }
    const std::span<runtime::Event> all(turn_);
    for (std::size_t at = 0; at < all.size(); at += kTurn)
      handle_now(all.subspan(at, std::min(kTurn, all.size() - at)));
    turn_.clear();
    bool again = false;
    {
      const std::lock_guard lock(mutex_);
      again = woken_ = !inbox_.empty();
    }
    if (again) caf::anon_send(handle, Wake{});
  }

  void handle_now(std::span<runtime::Event> events) {
    turn_of_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    actor_.handle(events);
    turn_of_.store(std::thread::id(), std::memory_order_relaxed);
    for (Leaving& group : leaving_) {
      if (!group.events.empty()) group.to->deliver(group.events);
      group.events.clear();
    }
  }

 private:
  struct Leaving {
    Post* to;
    std::vector<runtime::Event> events;
  };
  runtime::Actor& actor_;
  std::mutex mutex_;
  std::vector<runtime::Event> inbox_;  // bounded by the credit of edges and the work in flight
  bool woken_ = false;                 // a Wake is under way, or its turn is
  // Of whoever has the turn.
  std::vector<runtime::Event> turn_;
  std::vector<Leaving> leaving_;
  std::atomic<std::thread::id> turn_of_{};
};

caf::behavior forward_to(caf::event_based_actor*, Post* post) {
  return {[post](Wake) { post->take_turn(); },
          [post](const EventBox& box) {
            post->handle_now({box.event.get(), 1});
          }};
}

caf::actor_system_config& configured(caf::actor_system_config& config, unsigned threads) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", threads);
  config.set("logger.verbosity", caf::atom("quiet"));
  return config;
}

}  // namespace

struct CafHost::System {
  explicit System(unsigned threads) : system(configured(config, threads)) {}
  Post& post(runtime::Address address) {
    const auto it = posts.find(address);
    TROUPE_ASSERT(it != posts.end(), "an event was sent to nobody");
    return it->second;
  }
  std::map<runtime::Address, Post> posts;  // fixed before the first event; outlive the actors
  caf::actor_system_config config;
  caf::actor_system system;
  std::atomic<bool> stopping{false};
};

CafHost::CafHost(unsigned threads) : system_(std::make_unique<System>(threads)) {}

CafHost::~CafHost() { stop(); }

void CafHost::adopt(runtime::Address address, runtime::Actor& actor) {
  Post& post = system_->posts.try_emplace(address, actor).first->second;
  post.handle = system_->system.spawn(forward_to, &post);
}

bool CafHost::is_handling(runtime::Address address) const {
  const auto it = system_->posts.find(address);
  return it != system_->posts.end() && it->second.is_handling();
}

void CafHost::post(runtime::Address from, runtime::Address to, runtime::Event event) {
  if (system_->stopping.load(std::memory_order_acquire)) return;
  Post& target = system_->post(to);
  // Completions come from engines' threads in the name of their stage: those go at once.
  if (const auto it = system_->posts.find(from); it != system_->posts.end() && it->second.in_turn())
    return it->second.leave(target, std::move(event));
  target.deliver({&event, 1});
}

void CafHost::post_after(Duration delay, runtime::Address to, runtime::Event event) {
  if (system_->stopping.load(std::memory_order_acquire)) return;
  caf::delayed_anon_send(system_->post(to).handle, delay,
                         EventBox{std::make_shared<runtime::Event>(std::move(event))});
}

void CafHost::stop() {
  if (system_->stopping.exchange(true, std::memory_order_acq_rel)) return;
  for (auto& [address, post] : system_->posts)
    caf::anon_send_exit(post.handle, caf::exit_reason::kill);
  // The host is the only holder of handles, so nothing keeps the actors alive now. The map itself
  // stays: a late post looks it up before it sees that the host is stopping.
  system_->system.await_all_actors_done();
}

}  // namespace troupe::hosts
