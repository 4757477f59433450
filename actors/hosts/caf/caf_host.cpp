#include "actors/hosts/caf/caf_host.hpp"

#include <atomic>
#include <caf/all.hpp>
#include <map>

namespace troupe::hosts {
namespace {

/// CAF copies messages when it must; the event inside is moved out once, by its receiver.
struct EventBox {
  std::shared_ptr<runtime::Event> event;
};

}  // namespace
}  // namespace troupe::hosts

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hosts::EventBox)

namespace troupe::hosts {
namespace {

caf::behavior forward_to(caf::event_based_actor*, runtime::Actor* target) {
  return {[target](const EventBox& box) { target->handle(std::move(*box.event)); }};
}

EventBox boxed(runtime::Event event) {
  return EventBox{std::make_shared<runtime::Event>(std::move(event))};
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
  caf::actor_system_config config;
  caf::actor_system system;
  std::map<runtime::Address, caf::actor> actors;  // fixed before the first event
  std::atomic<bool> stopping{false};
};

CafHost::CafHost(unsigned threads) : system_(std::make_unique<System>(threads)) {}

CafHost::~CafHost() { stop(); }

void CafHost::adopt(runtime::Address address, runtime::Actor& actor) {
  system_->actors[address] = system_->system.spawn(forward_to, &actor);
}

void CafHost::post(runtime::Address, runtime::Address to, runtime::Event event) {
  if (system_->stopping.load(std::memory_order_acquire)) return;
  const auto it = system_->actors.find(to);
  TROUPE_ASSERT(it != system_->actors.end(), "an event was sent to nobody");
  caf::anon_send(it->second, boxed(std::move(event)));
}

void CafHost::post_after(Duration delay, runtime::Address to, runtime::Event event) {
  if (system_->stopping.load(std::memory_order_acquire)) return;
  const auto it = system_->actors.find(to);
  TROUPE_ASSERT(it != system_->actors.end(), "an event was sent to nobody");
  caf::delayed_anon_send(it->second, delay, boxed(std::move(event)));
}

void CafHost::stop() {
  if (system_->stopping.exchange(true, std::memory_order_acq_rel)) return;
  for (auto& [address, actor] : system_->actors) caf::anon_send_exit(actor, caf::exit_reason::kill);
  // The host is the only holder of handles, so nothing keeps the actors alive now. The map itself
  // stays: a late post looks it up before it sees that the host is stopping.
  system_->system.await_all_actors_done();
}

}  // namespace troupe::hosts
