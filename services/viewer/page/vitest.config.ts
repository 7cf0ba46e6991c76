import { defineConfig } from 'vitest/config';
import page from './vite.config';

export default defineConfig({
  resolve: page.resolve ?? {},
  test: { environment: 'happy-dom', include: ['tests/*.test.{ts,tsx}'], pool: 'threads' },
});
