/** What goes wrong, one thing at a time; several may still be going on. */
import { BUILDS } from './memory-database.ts';
import { DAY, HOUR, MINUTE, type Seat, type World } from './world.ts';

type Fault = (world: World, seat: Seat) => void;

const FAULTS: Readonly<Record<string, Fault>> = {
  'agent killed': (world, seat) => {
    seat.agent.die();
    if (seat.isOn) world.schedule(seat, world.between(100, MINUTE));
  },
  'power cut': (world, seat) => {
    if (!seat.isOn) return;
    world.turnOff(seat);
    world.time.after(world.between(MINUTE, 15 * MINUTE), () => {
      seat.agent.mac.boot();
      world.turnOn(seat);
    });
  },
  'Mac asleep past its lease': (world, seat) => {
    seat.asleepUntil = world.time.now + world.between(2 * MINUTE, 30 * MINUTE);
  },
  'network away': (world, seat) => {
    seat.offlineUntil = world.time.now + world.between(MINUTE, 20 * MINUTE);
  },
  'network parted': (world) => {
    const until = world.time.now + world.between(MINUTE, 20 * MINUTE);
    for (const seat of world.seats) if (world.chance(1, 2)) seat.offlineUntil = until;
  },
  'queue emptied': (world) => {
    world.controller.emptyQueue(world.between(0, 20 * MINUTE));
  },
  'controller restarted': (world) => {
    world.controller.stop();
    world.time.after(world.between(100, 4 * MINUTE), () => world.controller.restart());
  },
  'database restored': (world) => {
    world.controller.restore(world.random.below(4));
  },
  "Mac's clock jumps": (world, seat) => {
    seat.agent.clockOffsetMs = world.random.pick([-400 * DAY, -DAY, -HOUR, 0, HOUR, DAY, 400 * DAY]);
  },
  'a clone runs': (world, seat) => {
    const { agent } = seat;
    if (agent.name !== agent.hostId) return;
    const clone = world.newAgent(`${agent.name}'`, agent.hostId, agent.mac.clone());
    clone.disk = structuredClone(agent.disk);
    const other = world.seat(clone);
    world.time.after(world.between(MINUTE, 20 * MINUTE), () => {
      if (!world.seats.includes(other)) return;
      world.turnOff(other);
      world.seats.splice(world.seats.indexOf(other), 1);
    });
  },
  'macOS updated': (world, seat) => {
    if (!seat.isOn) return;
    const { mac } = seat.agent;
    seat.agent.die();
    mac.update(world.random.pick(BUILDS.filter((build) => build !== mac.disk.build)), world.chance(1, 2));
    world.schedule(seat, world.between(MINUTE, 5 * MINUTE));
  },
  'no kernel collection can be built': (world) => {
    for (const seat of world.seats) {
      seat.agent.mac.disk.kcs = [];
      seat.brokenUntil = world.time.now + world.between(10 * MINUTE, 3 * HOUR);
    }
  },
  'KDKs purged': (_world, seat) => {
    seat.agent.mac.disk.kdks = [];
  },
  'kernel collections purged': (_world, seat) => {
    seat.agent.mac.disk.kcs = [];
  },
  'kit removed': (_world, seat) => {
    seat.agent.mac.disk.kit = null;
  },
  'boot arguments cleared': (_world, seat) => {
    seat.agent.mac.nvram = null;
  },
};

export const FAULT_NAMES = Object.keys(FAULTS);

/** Breaks it at the Mac or the agent whose turn it is; gives its name with that. */
export function breakSomething(world: World, name: string, nth: number): string {
  const seat = world.seats[nth % world.seats.length];
  if (seat === undefined) throw new Error('there are no agents');
  FAULTS[name]?.(world, seat);
  return `${name} (${seat.agent.name})`;
}
