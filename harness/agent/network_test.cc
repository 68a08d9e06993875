// Is the right interface found, and is what a payload says of the network understood?
#include "harness/agent/network.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "harness/agent/rtnetlink.h"
#include "harness/base/file.h"
#include "harness/wire/codec.h"

namespace holdfast::agent {
namespace {

TEST(Network, IsReadBackAsItWasWritten) {
  const auto dir = *TempDir::create();
  const wire::Network network{.mac = "52:54:00:00:00:01",
                              .address = "192.0.2.7/24",
                              .gateway = "",
                              .routes = {{.to = "198.51.100.0/24", .via = "192.0.2.9"}},
                              .mtu = 1400};
  ASSERT_TRUE(write_file(dir.path() / "network.json", wire::make_event(network).text));
  const auto read = carried_network(dir.path() / "network.json");
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->mac, network.mac);
  ASSERT_EQ((*read)->routes.size(), 1U);
  EXPECT_EQ((*read)->routes[0].via, "192.0.2.9");
  EXPECT_EQ((*read)->mtu, 1400U);
}

TEST(Network, IsNoneWithoutAFileAndAnErrorWithABrokenOne) {
  const auto dir = *TempDir::create();
  const auto none = carried_network(dir.path() / "network.json");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  ASSERT_TRUE(write_file(dir.path() / "network.json", "{"));
  EXPECT_FALSE(carried_network(dir.path() / "network.json"));
}

TEST(Network, InterfaceIsTheDeviceWithThatMac) {
  const auto dir = *TempDir::create();
  const auto interface = [&](const char* name, const char* mac, bool device) {
    ASSERT_TRUE(make_dirs(dir.path() / name));
    ASSERT_TRUE(write_file(dir.path() / name / "address", std::string(mac) + "\n"));
    if (!device) return;
    ASSERT_TRUE(make_dirs(dir.path() / name / "device"));
  };
  interface("bond0", "52:54:00:00:00:0a", false);  // has the address of what it is made of
  interface("eth0", "52:54:00:00:00:01", true);
  interface("eth1", "52:54:00:00:00:0a", true);
  EXPECT_EQ(interface_with("52:54:00:00:00:0A", dir.path()), "eth1");
  EXPECT_EQ(interface_with("52:54:00:00:00:02", dir.path()), "");
}

TEST(Network, AddressesAreParsedWithTheirPrefix) {
  const auto four = IpPrefix::parse("192.0.2.7/24");
  ASSERT_TRUE(four);
  EXPECT_EQ(four->family, AF_INET);
  EXPECT_EQ(four->bytes, (std::vector<uint8_t>{192, 0, 2, 7}));
  EXPECT_EQ(four->length, 24);
  const auto six = IpPrefix::parse("2001:db8::7");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->family, AF_INET6);
  EXPECT_EQ(six->length, 128);
  for (const char* bad : {"", "192.0.2", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/x", "2001:db8::7/129", "host"}) {
    EXPECT_FALSE(IpPrefix::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace holdfast::agent
