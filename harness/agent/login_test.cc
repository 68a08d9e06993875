// Does an ssh login get the bridge, and nothing else?
#include "harness/agent/login.h"

#include <gtest/gtest.h>

#include <vector>

#include "harness/wire/network.h"

namespace holdfast::agent {
namespace {

using Words = std::vector<const char*>;

bool login(const Words& argv) { return is_login(static_cast<int>(argv.size()), argv.data()); }
Result<void> enter(const Words& argv) { return log_in(static_cast<int>(argv.size()), argv.data()); }

TEST(Login, IsToldFromTheAgentsOwnOptions) {
  EXPECT_TRUE(login({"init", "-c", "uname"}));
  EXPECT_TRUE(login({"-init"}));
  EXPECT_TRUE(login({"-init", "-c", "uname"}));
  EXPECT_FALSE(login({"/init", "--bridge", "/run/holdfast/agent.sock"}));
  EXPECT_FALSE(login({"holdfast-agent"}));
  EXPECT_FALSE(login({}));
}

TEST(Login, RefusesWhatIsNotTheBridgeToTheLetter) {
  const std::string bridge = wire::kBridgeCommand;
  const std::string more = bridge + "; reboot";
  const std::string other = bridge + "2";
  for (const Words& argv : std::vector<Words>{{"-init"},
                                              {"init", "-c"},
                                              {"init", "-c", ""},
                                              {"init", "-c", "/bin/sh"},
                                              {"init", "-c", more.c_str()},
                                              {"init", "-c", other.c_str()},
                                              {"init", "-c", " /init --bridge /run/holdfast/agent.sock"},
                                              {"init", "-c", bridge.c_str(), "more"},
                                              {"init", "-l", bridge.c_str()}}) {
    const auto entered = enter(argv);
    ASSERT_FALSE(entered);
    EXPECT_EQ(entered.error().kind, "usage");
  }
}

TEST(Login, TakesTheBridge) {
  const auto entered = enter({"init", "-c", wire::kBridgeCommand});
  ASSERT_FALSE(entered);  // nobody listens there on this machine
  EXPECT_NE(entered.error().kind, "usage") << entered.error().what;
  EXPECT_NE(entered.error().what.find(wire::kAgentSocket), std::string::npos) << entered.error().what;
}

}  // namespace
}  // namespace holdfast::agent
