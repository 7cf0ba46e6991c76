/** What the service says of itself, asked for now and then; the notices bring the rest. */
import { useEffect, useState } from 'react';
import { askJson } from './wire';

export interface HealthDoc {
  state: string;
  run_status?: string;
  frames?: {
    in?: number;
    processed?: number;
    archived?: number;
    missing?: number;
    refused?: number;
    skipped?: number;
    expected?: number | null;
  };
  latency_ms?: { p50?: number; p95?: number; p99?: number };
  queues?: Record<string, { queue?: number; capacity?: number; policy?: string; workers?: number }>;
  spool?: { fill?: number; bytes?: number; budget_bytes?: number };
  disk?: { path?: string; free_bytes?: number; bytes_per_s?: number; hours_left?: number | null };
  calibration?: { pixel_size_nm?: number[]; origin?: string };
  analysis?: string;
  models?: { name: string; sha256?: string }[];
  device?: string;
  alarms?: string[];
  viewers?: number;
  memory?: { bytes: number; limit_bytes: number };
  may_change?: boolean;
  version?: string;
}

const EVERY_MS = 5000;

export function useHealth(): HealthDoc | undefined {
  const [health, setHealth] = useState<HealthDoc>();
  useEffect(() => {
    let over = false;
    const look = () => {
      if (document.hidden) return;
      askJson<HealthDoc>('api/v1/health').then(
        (found) => over || setHealth(found),
        () => undefined, // The link's own words tell that the service is away.
      );
    };
    look();
    const timer = window.setInterval(look, EVERY_MS);
    return () => {
      over = true;
      window.clearInterval(timer);
    };
  }, []);
  return health;
}
