/** Addresses that are not the public internet, as DNS would answer them. */
export const PRIVATE_ADDRESSES: readonly string[] = [
  // loopback, unspecified, "this network"
  ...['127.0.0.1', '127.0.0.2', '127.1.1.1', '127.255.255.254', '0.0.0.0', '0.0.0.1', '0.255.255.255'],
  // private, shared, link-local
  ...['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255'],
  ...['100.64.0.1', '100.127.255.255', '169.254.0.1', '169.254.255.255'],
  // metadata and platform services: AWS, GCP, Azure, ECS, Alibaba, Oracle
  ...['169.254.169.254', '169.254.170.2', '169.254.169.253', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
  // protocol assignments, documentation, benchmarking, relays, multicast, reserved, broadcast
  ...[
    '192.0.0.1',
    '192.0.0.8',
    '192.0.0.170',
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.1',
    '198.18.0.1',
    '198.19.255.255',
  ],
  ...['192.88.99.1', '192.31.196.1', '192.52.193.1', '192.175.48.1', '224.0.0.1', '239.255.255.255', '240.0.0.1'],
  ...['255.255.255.254', '255.255.255.255'],
  // IPv6: unspecified, loopback, mapped, compatible
  ...[
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:0.0.0.0',
    '::ffff:168.63.129.16',
  ],
  ...['::127.0.0.1', '::10.0.0.1', '::169.254.169.254', '::2', '::ffff:0:7f00:1', '::ffff:0:a9fe:a9fe'],
  // NAT64, 6to4, Teredo, ISATAP: IPv4 inside IPv6
  ...['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b::808:808', '64:ff9b:1::7f00:1', '64:ff9b:1:ffff::a9fe:a9fe'],
  ...[
    '2002:7f00:1::',
    '2002:a9fe:a9fe::',
    '2002:a00:1::1',
    '2002:c0a8:1::',
    '2001::80ff:fffe',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
  ],
  ...['2a00:1450::5efe:7f00:1', '2a00:1450::200:5efe:a9fe:a9fe', 'fe80::5efe:7f00:1'],
  // link-local, site-local, unique local (with AWS and GCP metadata), multicast
  ...[
    'fe80::1',
    'febf::1',
    'fe80::a9fe:a9fe',
    'fec0::1',
    'feff::1',
    'fc00::1',
    'fd00::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    'fdff::1',
  ],
  ...['ff02::1', 'ff05::1', 'ff0e::1', 'ff02::fb'],
  // documentation, discard, benchmarking, ORCHID, AS112, segment routing, never given out
  ...[
    '2001:db8::1',
    '3fff::1',
    '100::1',
    '100:0:0:1::1',
    '2001:2::1',
    '2001:10::1',
    '2001:20::1',
    '2001:3::1',
    '2001:4:112::1',
  ],
  ...['2620:4f:8000::1', '5f00::1', '4000::1', '6000::1', '8000::1', 'a000::1', 'e000::1', '1::1', '200::1', '400::1'],
];

/** Hosts that parsers fold into one of those addresses, or that only mean something near us. */
export const DECEPTIVE_HOSTS: readonly string[] = [
  // decimal, octal, hex, short and mixed spellings of 127.0.0.1
  ...[
    '2130706433',
    '017700000001',
    '0x7f000001',
    '0x7F000001',
    '127.1',
    '127.0.1',
    '0177.0.0.1',
    '0177.0.0.01',
    '0x7f.0.0.1',
  ],
  ...[
    '0x7f.1',
    '0x7f.0x0.0x0.0x1',
    '0177.1',
    '127.0x1',
    '00000177.0.0.1',
    '127.000.000.001',
    '127.0.0.1.',
    '0x7f000001.',
    '2130706433.',
  ],
  // of 0.0.0.0
  ...['0', '0x0', '00', '0.0', '0.0.0', '0x', '0.', '000.000.000.000'],
  // of 169.254.169.254, 168.63.129.16, 10.0.0.1, 192.168.0.1, 100.100.100.200
  ...[
    '2852039166',
    '0xa9fea9fe',
    '025177524776',
    '169.254.43518',
    '169.16689662',
    '0xa9.0xfe.0xa9.0xfe',
    '0251.0376.0251.0376',
  ],
  ...[
    '0251.254.169.254',
    '169.254.169.254.',
    '2822734096',
    '0xa83f8110',
    '168.63.33040',
    '167772161',
    '012.0.0.1',
    '10.1',
  ],
  ...['3232235521', '192.168.1', '0xc0a80001', '1684301000', '0x646464c8'],
  // full-width, circled and superscript digits, ideographic full stops, percent
  ...[
    '１２７.０.０.１',
    '①②⑦.⓪.⓪.①',
    '127。0。0。1',
    '127．0．0．1',
    '127｡0｡0｡1',
    '¹²⁷.0.0.1',
    '𝟏𝟐𝟕.𝟎.𝟎.𝟏',
    '𝟙𝟚𝟟.𝟘.𝟘.𝟙',
  ],
  ...['%31%32%37.0.0.1', '127%2e0%2e0%2e1', '%30', '%6c%6f%63%61%6c%68%6f%73%74', '169%2E254%2E169%2E254'],
  // names
  ...[
    'localhost',
    'LOCALHOST',
    'LocalHost',
    'localhost.',
    'ⓛocalhost',
    'ｌｏｃａｌｈｏｓｔ',
    'a.localhost',
    'a.b.localhost.',
    'loca\u00adlhost',
  ],
  ...[
    'printer.local',
    'PRINTER.LOCAL',
    'printer.local.',
    'local',
    'internal',
    'metadata.google.internal',
    'metadata.google.internal.',
  ],
  ...[
    'api.corp.internal',
    'router.home.arpa',
    'home.arpa',
    'router.home.arpa.',
    'localhost。',
    'example.com.',
    'example.com。',
  ],
  // long spellings of IPv6, dotted tails, zone ids
  ...[
    '[0:0:0:0:0:0:0:1]',
    '[0000:0000:0000:0000:0000:0000:0000:0001]',
    '[0:0:0:0:0:0:0:0]',
    '[::0]',
    '[0::1]',
    '[::0001]',
  ],
  ...[
    '[0:0:0:0:0:ffff:127.0.0.1]',
    '[::FFFF:7F00:1]',
    '[::ffff:7f00:0001]',
    '[0:0:0:0:0:0:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
  ],
  ...[
    '[::ffff:0x7f000001]',
    '[::1%25lo]',
    '[fe80::1%25eth0]',
    '[::1%lo]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:0001::]',
  ],
];

/** Whole addresses that mislead by what stands around the host, or are no HTTP at all. */
export const DECEPTIVE_URLS: readonly string[] = [
  ...[
    'https://example.com@127.0.0.1/',
    'https://user:secret@example.com/',
    'https://:secret@example.com/',
    'https://user@example.com/',
  ],
  ...[
    'https://example.com\\@127.0.0.1/',
    'https://127.0.0.1\\@example.com/',
    'https:\\\\127.0.0.1\\',
    'https:/\\127.0.0.1/',
    'https://127.0.0.1%2f@example.com/',
  ],
  ...[
    'https://example.com%40127.0.0.1/',
    'https://1.1.1.1 &@127.0.0.1/',
    'https://127.0.0.1#@example.com/',
    'https://127.0.0.1?@example.com/',
  ],
  ...[
    'https:127.0.0.1',
    'https:/127.0.0.1',
    'https:///127.0.0.1/',
    '//127.0.0.1/',
    '127.0.0.1',
    '/etc/passwd',
    '',
    ' ',
    '?',
    '#',
  ],
  ...[
    'https://',
    'https:///',
    'https://:443/',
    'https://@/',
    'https://%00/',
    'https://127.0.0.1\t/',
    'https://127.0.\n0.1/',
    'ht\ntps://127.0.0.1/',
  ],
  ...[
    'https://exa\nmple.com/',
    'https://example.com/a\r\nhost: b',
    'https://256.1.1.1/',
    'https://1.2.3.4.5/',
    'https://[::1/',
    'https://[::g]/',
  ],
  ...[
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'gopher://127.0.0.1:70/_',
    'data:text/plain,hi',
    'javascript:alert(1)',
    'ws://127.0.0.1/',
  ],
  ...[
    'unix:/var/run/docker.sock',
    'http+unix://%2Fvar%2Frun%2Fdocker.sock/',
    'jar:https://127.0.0.1!/',
    'dict://127.0.0.1:11211/stat',
  ],
  ...[
    'http://example.com/',
    'http://example.com:443/',
    'https://example.com:80/',
    'https://example.com:22/',
    'https://example.com:6379/',
  ],
  ...[
    'https://example.com:0/',
    'https://example.com:65536/',
    'https://example.com:9443/',
    'http://1.1.1.1/',
    'https://8.8.8.8:53/',
  ],
  ...[`https://example.com/${'a'.repeat(4_096)}`, `https://example.com/${'a/../'.repeat(1_000)}`],
];

/** Every form as an address, with the port where the form leaves room for one. */
export function ssrfCorpus(port?: number): readonly string[] {
  const at = port === undefined ? '' : `:${port}`;
  const literals = PRIVATE_ADDRESSES.map((address) => (address.includes(':') ? `[${address}]` : address));
  const hosts = [...literals, ...DECEPTIVE_HOSTS];
  const schemes = port === undefined ? ['https'] : ['https', 'http'];
  return [...schemes.flatMap((scheme) => hosts.map((host) => `${scheme}://${host}${at}/path`)), ...DECEPTIVE_URLS];
}
