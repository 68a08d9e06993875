// Which members does a network's description have?
#include "harness/wire/codec_json.h"
#include "harness/wire/network.h"

namespace holdfast::wire {

static auto members(const Route*) { return std::tuple(Field{"to", &Route::to}, Field{"via", &Route::via}); }
static auto members(const Network*) {
  return std::tuple(Field{"mac", &Network::mac}, Field{"address", &Network::address},
                    Field{"gateway", &Network::gateway}, Field{"routes", &Network::routes},
                    Field{"mtu", &Network::mtu});
}

template Message make_event<Network>(const Network&);
template Result<Network> decode<Network>(const Envelope&, Bytes);

}  // namespace holdfast::wire
